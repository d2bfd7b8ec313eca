/* Countries of phone numbers. */
#ifndef CORE_CALLING_CODE_H
#define CORE_CALLING_CODE_H

#include <stdbool.h>

/* Country (ISO 3166-1, in capitals) of an E.164 number by its longest known prefix, or NULL. */
const char *calling_code_country(const char *phone);

/* Is it the code of a country with phone numbers? */
bool calling_code_is_country(const char *code);

#endif
