/*
 * json - writing nested JSON to a stream, commas and escapes included.
 *
 *	json_open(&j, NULL, '{');
 *	json_int(&j, "schema", 1);
 *	json_open(&j, "top_files", '[');
 *	…
 */
#ifndef STATS_JSON_H
#define STATS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool needs_comma;
};

/* bracket is '{' or '['; key is NULL at the top and in an array. */
void json_open(struct json *j, const char *key, char bracket);

/* bracket is '}' or ']'. */
void json_close(struct json *j, char bracket);

/* Values above INT64_MAX become it: no reader could take them. */
void json_int(struct json *j, const char *key, uint64_t value);

void json_text(struct json *j, const char *key, const char *text);

/* Microseconds since 1970, as the log has its ts. */
void json_time(struct json *j, const char *key, uint64_t ts_us);

/*
 * A stranger's bytes, at most 4096 of them; where they are no UTF-8, the
 * same again in hexadecimal under hex_key.
 */
void json_bytes(struct json *j, const char *key, const char *hex_key,
    const uint8_t *bytes, size_t len);

/* A value that is JSON already, in an array. */
void json_raw(struct json *j, const char *text, size_t len);

#endif
