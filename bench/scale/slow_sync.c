/* A slower disk: whatever syncs waits SLOW_SYNC_MICROSECONDS longer. Only in Postgres and Valkey, in whatever process tree it is loaded. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int sync_call(int);

static int slowly(const char *name, int file)
{
    const char *program = program_invocation_short_name, *text = getenv("SLOW_SYNC_MICROSECONDS");
    sync_call *real = (sync_call *)dlsym(RTLD_NEXT, name);

    if (text != NULL && (strcmp(program, "postgres") == 0 || strcmp(program, "valkey-server") == 0)) {
        long microseconds = atol(text);
        struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000};

        while (nanosleep(&left, &left) != 0 && errno == EINTR)
            ;
    }
    return real(file);
}

int fdatasync(int file)
{
    return slowly("fdatasync", file);
}

int fsync(int file)
{
    return slowly("fsync", file);
}
