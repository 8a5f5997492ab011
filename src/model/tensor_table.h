/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors a configuration calls for: names, shapes and what each one is. The embeddings and
 * the head, which may stand in for each other, are weights.c's. */
#ifndef SG_MODEL_TENSOR_TABLE_H
#define SG_MODEL_TENSOR_TABLE_H

#include <stddef.h>

#include <switchgen/status.h>

#include "model/config.h"

/* What a tensor of a stack is. */
typedef enum sg_tensor_role {
    SG_TENSOR_ROLE_RELATIVE_BIAS = 0, /* [buckets, H], block 0 only */
    SG_TENSOR_ROLE_SELF_Q,            /* [H*K, D] */
    SG_TENSOR_ROLE_SELF_K,
    SG_TENSOR_ROLE_SELF_V,
    SG_TENSOR_ROLE_SELF_O, /* [D, H*K] */
    SG_TENSOR_ROLE_SELF_NORM,
    SG_TENSOR_ROLE_CROSS_Q,
    SG_TENSOR_ROLE_CROSS_K,
    SG_TENSOR_ROLE_CROSS_V,
    SG_TENSOR_ROLE_CROSS_O,
    SG_TENSOR_ROLE_CROSS_NORM,
    SG_TENSOR_ROLE_FFN_NORM,
    SG_TENSOR_ROLE_FFN_WI,   /* [F, D]; of expert `expert` in a sparse block */
    SG_TENSOR_ROLE_FFN_WI_1, /* [F, D], gated only */
    SG_TENSOR_ROLE_FFN_WO,   /* [D, F] */
    SG_TENSOR_ROLE_ROUTER,   /* [E, D] */
    SG_TENSOR_ROLE_ROUTER_BIAS,
    SG_TENSOR_ROLE_FINAL_NORM
} sg_tensor_role;

/* One tensor that must be there. `name` is valid during the visit only. */
typedef struct sg_tensor_slot {
    sg_tensor_role role;
    sg_stack stack;
    size_t block;
    size_t expert;
    const char *name;
    size_t rank;     /* 1 or 2 */
    size_t shape[2]; /* shape[1] is 1 for rank 1 */
} sg_tensor_slot;

/* Called for each tensor; a failure ends the walk. */
typedef sg_status (*sg_tensor_visit)(void *context, const sg_tensor_slot *slot);

/* Visit every tensor of both stacks in the order of the data. Returns the first failure of `visit`.
 * Names: semantics of transformers 5.23.0's SwitchTransformers and T5 modules. */
sg_status sg_tensor_table_walk(const sg_model_config *config, sg_tensor_visit visit,
                               void *context) SG_MUST_CHECK;

#endif
