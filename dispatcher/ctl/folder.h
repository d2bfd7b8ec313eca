/*
 * Templates in a directory, a folder each. Symbolic links are never followed, names cannot lead out
 * of the directory, and everything is bounded.
 */
#ifndef CTL_FOLDER_H
#define CTL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"

#define FOLDER_FILES_MAX 1000 /* of a template, and templates of a directory */
#define FOLDER_FILE_BYTES 4194304
#define FOLDER_BYTES_MAX 67108864 /* of a template */

/* The files of a template: paths inside its folder, and contents. */
struct folder
{
    size_t count;
    const char *paths[FOLDER_FILES_MAX];
    const char *contents[FOLDER_FILES_MAX];
};

/* A directory of templates; errors of all calls are in the arena and name the file. */
struct folder_root
{
    struct arena *arena;
    const char *path;
    int fd;
};

/* Can a template be called that? */
bool folder_name_valid(const char *name);

/* Open the directory, or with make create it. Close the descriptor when done. */
bool folder_open_root(struct folder_root *root, struct arena *arena, const char *path, bool make,
                      const char **reterr);

/* The names of all templates, sorted. Hidden files and README… are passed over here and below. */
bool folder_list(const struct folder_root *root, size_t *ret_count, const char *const **ret,
                 const char **reterr);

/* Read a template. Contents are UTF-8 without NUL. */
bool folder_read(const struct folder_root *root, const char *name, struct folder *ret,
                 const char **reterr);

/*
 * Make a template's folder hold these files, each replaced as a whole. Other files *.liquid and
 * samples/ *.json of the template are removed, nothing else is.
 */
bool folder_write(const struct folder_root *root, const char *name, const struct folder *folder,
                  const char **reterr);

#endif
