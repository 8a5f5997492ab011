/* SPDX-License-Identifier: Apache-2.0 */
/* The process: descriptors, signals, and the only exit. Everything else is cli/.
 *
 * INT, TERM, HUP and XCPU end the run: the handler writes the signal's number into a pipe that the
 * command line watches, records that are answered are written whole, the one at work is given up
 * at its next token, and the signal is raised again at the end with its default action, so that the
 * parent sees a death by it. A second signal finds the default action already. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};
enum { STOP_SIGNAL_COUNT = sizeof stop_signals / sizeof stop_signals[0] };

/* Room for the SIGBUS handler; POSIX asks for at least MINSIGSTKSZ, with AVX-512 some 3 KiB. */
#define SIGNAL_STACK_BYTES 65536

/* Written once before any handler is installed; the handlers' way to the pipe. */
static int stop_pipe[2] = {-1, -1};

static void set_action(int number, void (*handler)(int), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

/* First signal: note it, and let the next one act at once. */
static void note_stop(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t written;
    for (int i = 0; i < STOP_SIGNAL_COUNT; i++) {
        set_action(stop_signals[i], SIG_DFL, 0);
    }
    written = write(stop_pipe[1], &byte, 1);
    (void)written;
    errno = saved;
}

/* A mapped weight file was cut short while it was read. Nothing can be continued. */
static void die_of_bus_error(int number) {
    static const char message[] = "switch-gen: a file was cut short while it was read (SIGBUS)\n"
                                  "hint: replace model files by rename, never in place\n";
    ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
    (void)written;
    (void)number;
    _exit(1);
}

/* A missing standard descriptor would be given to the next file opened. The stand-ins are opened
 * the wrong way round, so that using one is an error and not silence. */
static void open_missing_descriptors(void) {
    static const int modes[3] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int descriptor = 0; descriptor < 3; descriptor++) {
        if (fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) {
            int opened = open("/dev/null", modes[descriptor]);
            if (opened >= 0 && opened != descriptor) {
                (void)dup2(opened, descriptor);
                (void)close(opened);
            }
        }
    }
}

/* Signals that were ignored when we started (nohup) stay ignored. */
static void watch_stop_signals(void) {
    if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return; /* the signals keep their default action */
    }
    for (int i = 0; i < STOP_SIGNAL_COUNT; i++) {
        struct sigaction before;
        if (sigaction(stop_signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            set_action(stop_signals[i], note_stop, SA_RESTART);
        }
    }
}

static void catch_bus_errors(void) {
    static unsigned char stack_bytes[SIGNAL_STACK_BYTES];
    stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof stack_bytes, .ss_flags = 0};
    if (sigaltstack(&stack, NULL) == 0) {
        set_action(SIGBUS, die_of_bus_error, SA_ONSTACK);
    }
}

/* Die by `number`, so that the parent sees it. */
static void die_by(int number) {
    sigset_t only;
    set_action(number, SIG_DFL, 0);
    (void)sigemptyset(&only);
    (void)sigaddset(&only, number);
    (void)sigprocmask(SIG_UNBLOCK, &only, NULL);
    (void)raise(number);
}

/* The signal that asked for the end, or 0. */
static int noted_stop(void) {
    unsigned char byte = 0;
    return stop_pipe[0] >= 0 && read(stop_pipe[0], &byte, 1) == 1 ? byte : 0;
}

int main(int argc, char **argv) {
    sg_cli_outcome outcome;
    int stop;
    open_missing_descriptors();
    set_action(SIGPIPE, SIG_IGN, 0);
    set_action(SIGXFSZ, SIG_IGN, 0);
    catch_bus_errors();
    watch_stop_signals();
    outcome = sg_cli_run(argc, argv, stop_pipe[0]);
    stop = noted_stop();
    if (stop != 0) {
        die_by(stop);
    }
    if (outcome.reader_closed) {
        die_by(SIGPIPE);
    }
    exit(outcome.exit_code);
}
