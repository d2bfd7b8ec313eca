/* Tokens of objects: what follows the setting object_base_url in a URL that expires. */
#ifndef HERALD_OBJECT_H
#define HERALD_OBJECT_H

#include "postgres.h"

#include "utils/uuid.h"

#define HERALD_OBJECT_TOKEN_SIZE 96
#define HERALD_OBJECT_KEY_SIZE 32

/*
 * Write ID.UNTIL.SIGNATURE: the id and HMAC-SHA256 of what stands before it in base64url, and a
 * second since 1970. False when the server's library cannot compute it.
 */
bool herald_object_token(const uint8 key[HERALD_OBJECT_KEY_SIZE], const pg_uuid_t *id, int64 until,
                         char ret[HERALD_OBJECT_TOKEN_SIZE]);

#endif
