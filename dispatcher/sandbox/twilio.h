/* What the doubles of Twilio's resources share: sign-in, forms and errors. */
#ifndef SANDBOX_TWILIO_H
#define SANDBOX_TWILIO_H

#include "sandbox/double.h"

#define TWILIO_SECRET "TWILIO_AUTH_TOKEN"

struct twilio_form
{
    struct form_field *fields;
    size_t count;
};

/* A parameter that a resource knows; tables end with a NULL name. */
struct twilio_parameter
{
    const char *name;
    bool array; /* may be repeated */
};

/* Value of the first parameter of that name, or NULL. */
const char *twilio_get(const struct twilio_form *form, const char *name);

/* An error answer. */
void twilio_answer_error(struct double_reply *reply, struct arena *arena, int status, int code,
                         const char *message);

/* Refuse with an error answer; the violation is the message. Always false. */
bool twilio_refuse(struct double_reply *reply, struct arena *arena, int status, int code,
                   const char *message);

/* Method, path of the resource, duplicate headers, authentication, content type. */
bool twilio_check_envelope(const struct double_env *env, const struct double_request *request,
                           const char *resource, struct arena *arena, struct double_reply *reply);

/* Only known parameters, each once unless it is an array, and all of them text. */
bool twilio_check_parameters(const struct twilio_form *form, const struct twilio_parameter *known,
                             struct arena *arena, struct double_reply *reply);

/* Would the provider take this StatusCallback? */
bool twilio_is_callback(const char *url);

/* The sender's id travels in the callback's query, …?nid=ID; NULL: none. */
const char *twilio_callback_id(struct arena *arena, const char *callback);

/* Twilio's answer for a status, as sandbox_double.fail. */
void twilio_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret);

#endif
