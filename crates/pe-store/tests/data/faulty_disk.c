/* A disk that fails: loaded before the C library's own calls, by LD_PRELOAD.
 *
 * PE_FAULT=full       writes to the log fail with "no space left" from the nth call on
 *          fsync      flushes of the log fail with "input/output error" from the nth on
 *          readonly   nothing of the database can be opened for writing
 * PE_FAULT_AT=n       counts calls on the log, from 1
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_mode(const char *mode) {
    const char *set = getenv("PE_FAULT");
    return set && strcmp(set, mode) == 0;
}

static int is_log(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 4) return 0;
    path[length] = 0;
    return strcmp(path + length - 4, "-wal") == 0;
}

static int is_due(void) {
    static int calls = 0;
    const char *at = getenv("PE_FAULT_AT");
    return __sync_add_and_fetch(&calls, 1) >= (at ? atoi(at) : 1);
}

#define WRITE(name, offset_type)                                                     \
    ssize_t name(int fd, const void *bytes, size_t count, offset_type offset) {       \
        static ssize_t (*real)(int, const void *, size_t, offset_type);               \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                    \
        if (is_mode("full") && is_log(fd) && is_due()) {                              \
            errno = ENOSPC;                                                           \
            return -1;                                                                \
        }                                                                             \
        return real(fd, bytes, count, offset);                                        \
    }
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)

#define FLUSH(name)                                                                   \
    int name(int fd) {                                                                \
        static int (*real)(int);                                                      \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                    \
        if (is_mode("fsync") && is_log(fd) && is_due()) {                             \
            errno = EIO;                                                              \
            return -1;                                                                \
        }                                                                             \
        return real(fd);                                                              \
    }
FLUSH(fsync)
FLUSH(fdatasync)

#define OPEN(name)                                                                    \
    int name(const char *path, int flags, ...) {                                      \
        static int (*real)(const char *, int, ...);                                   \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                    \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        mode_t mode = va_arg(rest, mode_t);                                           \
        va_end(rest);                                                                 \
        int writes = flags & (O_WRONLY | O_RDWR | O_CREAT);                           \
        if (is_mode("readonly") && writes && strstr(path, "pe.db")) {                 \
            errno = EROFS;                                                            \
            return -1;                                                                \
        }                                                                             \
        return real(path, flags, mode);                                               \
    }
OPEN(open)
OPEN(open64)
