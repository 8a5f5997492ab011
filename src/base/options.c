/* SPDX-License-Identifier: Apache-2.0 */
/* The defaults of switchgen/options.h. */
#include <switchgen/options.h>

#include <math.h>

sg_engine_options sg_engine_options_default(void) {
    return (sg_engine_options){0};
}

sg_decoding_options sg_decoding_options_default(void) {
    return (sg_decoding_options){.num_beams = SG_OPTION_UNSET,
                                 .num_return_sequences = SG_OPTION_UNSET,
                                 .max_new_tokens = SG_OPTION_UNSET,
                                 .max_length = SG_OPTION_UNSET,
                                 .min_new_tokens = SG_OPTION_UNSET,
                                 .min_length = SG_OPTION_UNSET,
                                 .no_repeat_ngram_size = SG_OPTION_UNSET,
                                 .length_penalty = (double)NAN,
                                 .repetition_penalty = (double)NAN};
}

sg_infill_options sg_infill_options_default(void) {
    return (sg_infill_options){.decoding = sg_decoding_options_default(),
                               .decoder_start_token_id = -1,
                               .stop_at_last_blank = true,
                               .add_space = true,
                               .max_input_tokens = 4096};
}
