/*
 * The known name that a misspelt one most likely means.
 */
#ifndef HERALD_NEAREST_H
#define HERALD_NEAREST_H

struct herald_nearest
{
    const char *name;
    int length;
    int distance;      /* of the nearest so far, else that of the first which is too far */
    const char *found; /* borrowed from its offer; NULL: none is near */
    int found_length;
};

/* Look for a name, which is borrowed. */
void herald_nearest_begin(struct herald_nearest *nearest, const char *name, int length);

/* A name that it could be; the first of equally near ones is kept. */
void herald_nearest_offer(struct herald_nearest *nearest, const char *name, int length);

#endif
