/* Dovecot waits half a second after mail has come before it tells who idles (lib-storage/mailbox-watch.c), and no setting changes it.
   Loaded before its libraries, this lets it tell at once, so that both sides are asked the same question. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

typedef void callback(void *);
typedef void *add(unsigned int, const char *, unsigned int, callback *, void *);

void *timeout_add_short(unsigned int milliseconds, const char *file, unsigned int line, callback *call, void *context)
{
    static add *real;

    if (real == NULL)
        real = (add *)dlsym(RTLD_NEXT, "timeout_add_short");
    if (strstr(file, "mailbox-watch") != NULL)
        milliseconds = 1;
    return real(milliseconds, file, line, call, context);
}
