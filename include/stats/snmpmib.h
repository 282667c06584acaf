/*
 * snmpmib - what SNMP is told, and where it stands: our own subtree, as
 * monitoring/SIMPLE-TFTPD-MIB.txt describes it, and the row of
 * NETWORK-SERVICES-MIB's applTable (RFC 2788).
 *
 * The numbers are those of the metrics.  What is not known is left out,
 * where that MIB allows it.
 */
#ifndef STATS_SNMPMIB_H
#define STATS_SNMPMIB_H

#include <stdint.h>

#include "stats/findings.h"
#include "stats/prometheus.h"
#include "stats/snmptree.h"

#define SNMPMIB_TEXT_MAX	1024

struct snmpmib_facts {
	struct prometheus_facts metrics;
	uint64_t now_us;	/* since 1970 */
	uint64_t agent_us;	/* how long the agent has run */
	uint64_t changed_us;	/* since when it is up, or down; 0: ever */
	enum findings_state health;
	/* harmless text */
	char health_text[SNMPMIB_TEXT_MAX];
	char log_problem[SNMPMIB_TEXT_MAX];	/* "": none */
};

/* Where our own subtree stands unless the administrator has another place. */
#define SNMPMIB_BASE	".1.3.6.1.4.1.8072.9999.9999.69"

/* applTable. */
#define SNMPMIB_APPL	".1.3.6.1.2.1.27.1"

/*
 * snmpmib_add_own - our own subtree.
 * base and f are to outlive the tree.
 */
void snmpmib_add_own(struct snmptree *t, const struct snmpoid *base,
    const struct snmpmib_facts *f);

/*
 * snmpmib_add_appl - the row of applTable, under SNMPMIB_APPL.
 * The same.
 */
void snmpmib_add_appl(struct snmptree *t, const struct snmpoid *base,
    const struct snmpmib_facts *f);

#endif
