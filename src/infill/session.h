/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller needs besides the engine to run requests: threads, kernels, scratch. Implements the
 * sg_session part of switchgen.h. */
#ifndef SG_INFILL_SESSION_H
#define SG_INFILL_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include <switchgen/switchgen.h>

#include "infill/engine.h"
#include "math/matmul.h"
#include "math/thread_pool.h"
#include "model/probe.h"

struct sg_session {
    const sg_engine *engine;
    sg_thread_pool *pool;
    sg_matmul *matmul;
    bool *touched;   /* [experts] 1 where a token was sent: the encoder's sparse blocks, then the
                        decoder's */
    size_t *rows[2]; /* [num_blocks] by sg_stack: a block's first entry in `touched` */
    size_t experts;
};

/* A probe that notes which experts `session` touches. */
sg_probe sg_session_probe(sg_session *session);

#endif
