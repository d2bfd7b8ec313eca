/* Compiled templates and their rendering into the parts of a message. Pure, but for the
 * zones of core/zone.h. */
#ifndef DELIVERY_RENDER_H
#define DELIVERY_RENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "delivery/delivery.h"

/* The parts of one template version for one channel and locale, parsed. */
struct render_template;

/* An empty template. */
struct render_template *render_template_create(void);
void render_template_destroy(struct render_template *template);

/* Let unknown variables and filters be no errors. Set it before parts are added. */
void render_template_set_lax(struct render_template *template);

/* Texts by key, a JSON object; those that are added first are looked at first. */
void render_template_translate(struct render_template *template, const char *translations,
                               size_t len);

/* What tracking links begin with; without one, the URL itself is printed. */
void render_template_set_tracking(struct render_template *template, const char *url);

/* What URLs of objects begin with, and the key that signs them, in hexadecimal; without the first
 * there are none. */
void render_template_set_objects(struct render_template *template, const char *url);
void render_template_set_object_key(struct render_template *template, const char *hex);

/* A template that parts may use by name. Add them before the parts. */
void render_template_share(struct render_template *template, const char *name, const char *source,
                           size_t source_len);

/*
 * Parse and add a part. A part that does not parse makes the whole template unusable: the reason is
 * kept and told by every render_message().
 */
void render_template_add(struct render_template *template, const char *part, const char *source,
                         size_t source_len);
size_t render_template_parts(const struct render_template *template);

/*
 * Render all parts of the delivery into its message. An unknown variable is an error unless the
 * template is lax. False with *ret_reason (in the delivery's arena; names template, part, line and
 * column) when the content cannot be made.
 */
bool render_message(const struct render_template *template, struct delivery *delivery,
                    const char **ret_reason);

#endif
