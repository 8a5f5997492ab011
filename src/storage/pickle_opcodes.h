/* SPDX-License-Identifier: Apache-2.0 */
/* The stack machine of a pickle: opcodes in, one value out. */
#ifndef SG_STORAGE_PICKLE_OPCODES_H
#define SG_STORAGE_PICKLE_OPCODES_H

#include <stdint.h>

#include <switchgen/status.h>

#include "storage/pickle_values.h"

/* Run the machine's bytes to STOP; *top is the node of the one value left, a dictionary. The
 * machine's arrays are empty before and the caller's to free after, also on failure. Errors as
 * sg_pickle_read. */
sg_status sg_pickle_run(sg_pickle_machine *machine, uint32_t *top) SG_MUST_CHECK;

#endif
