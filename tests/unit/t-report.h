/*
 * t-report - a log written for a test, and what a command prints about it.
 */
#ifndef UNIT_T_REPORT_H
#define UNIT_T_REPORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/translog.h"
#include "stats/command.h"
#include "t.h"

/* 2026-11-22T14:00:00Z; the logs of tests begin here. */
#define T_BEGIN_US	UINT64_C(1795356000000000)

struct t_log {
	char path[32];
	FILE *f;
	uint64_t id;		/* of the last record */
};

static inline void
t_log_open(struct t_log *log)
{
	int fd;

	*log = (struct t_log){ .path = "/tmp/t-report-XXXXXX" };
	fd = mkstemp(log->path);
	if (fd == -1 || (log->f = fdopen(fd, "w")) == NULL)
		abort();
}

static inline void
t_log_close(struct t_log *log)
{
	fclose(log->f);
	unlink(log->path);
}

/* A read that ended at_ms after the beginning; more is set by the caller. */
static inline struct translog_record
t_end(const char *client, const char *file, enum outcome outcome,
    uint64_t at_ms)
{
	struct translog_record rec;

	translog_clear(&rec);
	rec.ts_us = T_BEGIN_US + at_ms * 1000;
	rec.event = TRANSLOG_TRANSFER;
	rec.op = TRANSLOG_READ;
	rec.outcome = outcome;
	strcpy(rec.id, "0123456789abcdef");
	snprintf(rec.client, sizeof(rec.client), "%s", client);
	rec.file = (struct translog_bytes){
	    (const uint8_t *)file, strlen(file) };
	return rec;
}

/* The record's line, with an id of its own. */
static inline void
t_log_put(struct t_log *log, const struct translog_record *rec)
{
	struct translog_record copy = *rec;
	char line[TRANSLOG_LINE_MAX];
	size_t len;

	snprintf(copy.id, sizeof(copy.id), "%016llx",
	    (unsigned long long)++log->id);
	len = translog_format(&copy, line);
	fwrite(line, 1, len, log->f);
}

/* Options that read the log, an hour after its beginning. */
static inline struct options
t_options(const char **path)
{
	struct options o = {
		.logs = path, .log_count = 1, .has_since = true,
		.now_us = T_BEGIN_US + UINT64_C(3600000000),
		.style = { .is_utc = true }, .table = "/nonexistent"
	};

	filter_clear(&o.filter);
	return o;
}

/* What a command prints, and its exit status; the text is the caller's. */
static inline char *
t_run_command(int (*command)(const struct options *), const struct options *o,
    int *status)
{
	char path[] = "/tmp/t-output-XXXXXX", *text;
	int saved, fd = mkstemp(path);
	off_t size;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	if (fd == -1 || saved == -1 || dup2(fd, STDOUT_FILENO) == -1)
		abort();
	*status = command(o);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	size = lseek(fd, 0, SEEK_END);
	text = calloc(1, (size_t)size + 1);
	if (text == NULL || pread(fd, text, (size_t)size, 0) != size)
		abort();
	close(fd);
	unlink(path);
	return text;
}

/* The same of a log that is all written. */
static inline char *
t_report(struct t_log *log, int (*command)(const struct options *),
    unsigned form)
{
	const char *path = log->path;
	struct options o = t_options(&path);
	int status;

	o.form = form;
	fflush(log->f);
	return t_run_command(command, &o, &status);
}

#endif
