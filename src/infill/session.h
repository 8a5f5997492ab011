/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller needs besides the engine to run requests: threads, kernels, scratch. Implements the
 * sg_session part of switchgen.h. */
#ifndef SG_INFILL_SESSION_H
#define SG_INFILL_SESSION_H

#include <switchgen/switchgen.h>

#include "infill/engine.h"
#include "math/matmul.h"
#include "math/thread_pool.h"

struct sg_session {
    const sg_engine *engine;
    sg_thread_pool *pool;
    sg_matmul *matmul;
};

#endif
