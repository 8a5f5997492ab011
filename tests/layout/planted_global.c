/* SPDX-License-Identifier: Apache-2.0 */
/* A variable that changes, so that test_no_globals.sh can see that it sees one. No part of any program. */
int sg_planted_global;

int sg_planted_count(void);
int sg_planted_count(void) {
    return ++sg_planted_global;
}
