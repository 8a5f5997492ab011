/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as one call: argv in, an exit code or a signal to die by out. */
#ifndef SG_CLI_CLI_H
#define SG_CLI_CLI_H

#include <stdbool.h>

/* How the process should end. */
typedef struct sg_cli_outcome {
    int exit_code;      /* 0 to 5 */
    bool reader_closed; /* nobody reads the results: die by SIGPIPE, quietly */
} sg_cli_outcome;

/* Run the command that argv[1..argc) names. `stop_descriptor` becomes readable when the run should
 * end after the record at work; -1: never. SIGPIPE and SIGXFSZ are ignored by the caller. */
sg_cli_outcome sg_cli_run(int argc, char *const *argv, int stop_descriptor);

#endif
