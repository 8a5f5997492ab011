/* SPDX-License-Identifier: Apache-2.0 */
/* Going on after a flaw to find the next: whoever wants all that is wrong with something, and not
 * only the first, hands a sink to the code that checks it. */
#ifndef SG_BASE_PROBLEM_H
#define SG_BASE_PROBLEM_H

#include <stdbool.h>

#include <switchgen/status.h>

/* Where flaws are told. `tell` returns false if it wants no more: the check then ends. */
typedef struct sg_problem_sink {
    bool (*tell)(void *context, const sg_error *problem);
    void *context;
} sg_problem_sink;

/* A status on its way up. With a sink, a flaw of the thing that is checked (SG_STATUS_NOT_FOUND,
 * _MODEL, _UNSUPPORTED, _BAD_JSON) is told, with what `error` says of it, and counts as success
 * from here on. Everything else, and every status where `sink` is NULL, is returned as it is. With
 * a sink `error` must not be NULL. */
sg_status sg_problem_pass(const sg_problem_sink *sink, sg_status status,
                          const sg_error *error) SG_MUST_CHECK;

#endif
