#include <stdbool.h>

#include "t-report.h"

/* A client's request that found nothing, or a file. */
static void
ask(struct t_log *log, unsigned at_s, const char *client, const char *file,
    bool is_found)
{
	struct translog_record rec = t_end(client, file, is_found ?
	    OUTCOME_COMPLETE : OUTCOME_NOTFOUND, at_s * UINT64_C(1000));

	t_log_put(log, &rec);
}

static bool
has_row(const char *csv, const char *start, const char *end)
{
	const char *row = strstr(csv, start), *line_end;

	if (row == NULL)
		return false;
	line_end = strchr(row, '\r');
	return line_end != NULL && (size_t)(line_end - row) >= strlen(end) &&
	    memcmp(line_end - strlen(end), end, strlen(end)) == 0;
}

static void
names(void)
{
	struct t_log log;
	char *csv;

	t_log_open(&log);
	ask(&log, 1, "192.0.2.1", "images/vmlinuz", true);
	ask(&log, 2, "192.0.2.2", "Images/Vmlinuz", false);
	ask(&log, 3, "192.0.2.3", "Images/Vmlinuz", false);
	ask(&log, 4, "192.0.2.3", "Images/Vmlinuz", false);
	ask(&log, 5, "192.0.2.4", "else", false);
	csv = t_report(&log, command_missing, FORM_CSV);
	T_OK(strncmp(csv, "file,requests,clients,first,last,kind,walked,near,"
	    "near_2,near_3\r\n", 64) == 0, "the keys");
	T_OK(strstr(csv, "\nImages/Vmlinuz,3,2,2026-11-22T14:00:02.000000Z,"
	    "2026-11-22T14:00:04.000000Z,missing,0,images/vmlinuz,,\r\n")
	    != NULL, csv);
	T_OK(has_row(csv, "\nelse,1,1,", ",missing,0,,,"), "nothing is near");
	free(csv);
	t_log_close(&log);
}

static void
walks(void)
{
	struct t_log log;
	char *csv;

	t_log_open(&log);
	/* PXELINUX */
	ask(&log, 1, "192.0.2.1", "pxelinux.0", true);
	ask(&log, 2, "192.0.2.1", "pxelinux.cfg/C0", false);
	ask(&log, 3, "192.0.2.1", "pxelinux.cfg/C", false);
	ask(&log, 4, "192.0.2.1", "pxelinux.cfg/default", true);
	/* a kernel that is not there, and a reset */
	ask(&log, 5, "192.0.2.1", "vmlinuz-old", false);
	ask(&log, 20, "192.0.2.1", "pxelinux.0", true);
	/* a phone, twice within the five minutes */
	ask(&log, 30, "192.0.2.9", "SEP1.cnf.xml", false);
	ask(&log, 31, "192.0.2.9", "XmlDefault.cnf.xml", true);
	ask(&log, 60, "192.0.2.9", "SEP1.cnf.xml", false);
	ask(&log, 61, "192.0.2.9", "XmlDefault.cnf.xml", true);
	/* not found at last, by someone else */
	ask(&log, 70, "192.0.2.7", "end", false);
	/* found five minutes later */
	ask(&log, 80, "192.0.2.6", "late", false);
	ask(&log, 480, "192.0.2.6", "other", true);
	csv = t_report(&log, command_missing, FORM_CSV);
	T_OK(has_row(csv, "\npxelinux.cfg/C0,1,", ",walk,1,,,"), csv);
	T_OK(has_row(csv, "\npxelinux.cfg/C,1,", ",walk,1,,,"), csv);
	T_OK(has_row(csv, "\nSEP1.cnf.xml,2,", ",walk,2,,,"), csv);
	T_OK(has_row(csv, "\nvmlinuz-old,1,", ",missing,0,,,"), csv);
	T_OK(has_row(csv, "\nend,1,", ",missing,0,,,"), csv);
	T_OK(has_row(csv, "\nlate,1,", ",missing,0,,,"), csv);
	T_OK(strstr(csv, "\nlate,") < strstr(csv, "\nSEP1"),
	    "walks come last");
	free(csv);
	t_log_close(&log);
}

static void
forms(void)
{
	struct t_log log;
	char *text;

	t_log_open(&log);
	ask(&log, 1, "192.0.2.1", "=cmd\x1b[31m", false);
	text = t_report(&log, command_missing, FORM_TEXT);
	T_OK(strstr(text, "Requests that found nothing: 1, for 1 name\n") !=
	    NULL && strstr(text, "\n=cmd\\x1b[31m ") != NULL &&
	    strchr(text, '\x1b') == NULL, text);
	free(text);
	text = t_report(&log, command_missing, FORM_JSON);
	T_OK(strstr(text, "\"report\":\"missing\",") != NULL &&
	    strstr(text, ",\"notfound\":1,\"name_count\":1,") != NULL &&
	    strstr(text, "\"names\":[{\"file\":\"=cmd\\u001b[31m\","
	    "\"requests\":1,\"clients\":1,") != NULL, text);
	free(text);
	t_log_close(&log);
}

static void
roots(void)
{
	char root[] = "/tmp/t-missing-XXXXXX", path[64];
	const char *log_path;
	struct options o;
	struct t_log log;
	char *text;
	int status;

	if (mkdtemp(root) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/vmlinuz", root);
	fclose(fopen(path, "w"));
	t_log_open(&log);
	ask(&log, 1, "192.0.2.1", "vmlinux", false);
	fflush(log.f);
	log_path = log.path;
	o = t_options(&log_path);
	o.form = FORM_CSV;
	o.root = root;
	text = t_run_command(command_missing, &o, &status);
	T_OK(status == 0 && has_row(text, "\nvmlinux,1,", ",vmlinuz,,"), text);
	free(text);
	unlink(path);
	rmdir(root);
	text = t_run_command(command_missing, &o, &status);
	T_OK(status == 1 && *text == '\0', "no such directory");
	free(text);
	t_log_close(&log);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "names", names },
		{ "walks", walks },
		{ "forms", forms },
		{ "roots", roots },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "missing", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return t_run(suites);
}
