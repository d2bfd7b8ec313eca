/* Templates in a directory, a folder each. */
#include "ctl/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/utf8.h"

#define SAMPLES "samples/"
#define SAMPLES_LEN (sizeof(SAMPLES) - 1)
#define NAME_MAX_BYTES 63
#define PATH_MAX_BYTES 255
#define TEMPORARY ".herald-ctl.new"

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A folder while it is read or written. */
struct visit
{
    struct arena *arena;
    const char *place; /* DIR or DIR/NAME, for messages */
    const char **reterr;
};

bool
folder_name_valid(const char *name)
{
    size_t len = strlen(name);

    return len <= NAME_MAX_BYTES && len > 0 && strchr("_.-", name[0]) == NULL &&
           strspn(name, LOWER "_.-") == len;
}

/* A path that may be written: one name, or one below samples/. */
static bool
path_valid(const char *path)
{
    const char *leaf = strncmp(path, SAMPLES, SAMPLES_LEN) == 0 ? path + SAMPLES_LEN : path;
    size_t len = strlen(leaf);

    return len > 0 && len <= PATH_MAX_BYTES && leaf[0] != '.' &&
           strspn(leaf, LOWER UPPER "_.-") == len;
}

/* False with "DIR/NAME/PATH: PROBLEM"; path may be empty. */
static bool
fail(const struct visit *visit, const char *path, const char *problem)
{
    *visit->reterr = arena_printf(visit->arena, "%s%s%s: %s", visit->place,
                                  path[0] != '\0' ? "/" : "", path, problem);
    return false;
}

static bool
fail_errno(const struct visit *visit, const char *path)
{
    return fail(visit, path,
                errno == ELOOP ? "is a symbolic link, which is not followed" : strerror(errno));
}

bool
folder_open_root(struct folder_root *root, struct arena *arena, const char *path, bool make,
                 const char **reterr)
{
    const struct visit visit = { arena, path, reterr };

    root->arena = arena;
    root->path = path;
    root->fd = -1;
    if (make && mkdir(path, 0777) != 0 && errno != EEXIST)
    {
        return fail_errno(&visit, "");
    }
    root->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root->fd >= 0 || fail_errno(&visit, "");
}

static struct visit
visit_template(const struct folder_root *root, const char *name, const char **reterr)
{
    return (struct visit){ root->arena, arena_printf(root->arena, "%s/%s", root->path, name),
                           reterr };
}

/* A folder below, made when missing if asked to; -1 with errno. */
static int
enter(int fd, const char *name, bool make)
{
    if (make && mkdirat(fd, name, 0777) != 0 && errno != EEXIST)
    {
        return -1;
    }
    return openat(fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* ---- reading ---- */

typedef bool (*entry_fn)(void *user, int fd, const char *prefix, const char *name);

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strncmp(entry->d_name, "README", 6) != 0;
}

/* Call fn with each visible entry, in order, until it returns false. */
static bool
each_entry(const struct visit *visit, int fd, const char *prefix, entry_fn fn, void *user)
{
    struct dirent **entries = NULL;
    int count = scandirat(fd, ".", &entries, is_visible, alphasort);
    bool ok = count >= 0 || fail_errno(visit, prefix);

    for (int i = 0; i < count; i++)
    {
        ok = ok && fn(user, fd, prefix, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

struct listing
{
    struct visit visit;
    const char **names;
    size_t count;
};

static bool
list_entry(void *user, int fd, const char *prefix, const char *name)
{
    struct listing *listing = user;
    struct stat st;

    (void) prefix;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    {
        return fail_errno(&listing->visit, name);
    }
    if (!S_ISDIR(st.st_mode) || !folder_name_valid(name))
    {
        return fail(&listing->visit, name,
                    "is no template: a template is a folder whose name is made of a-z, 0-9, \"_\","
                    " \".\" and \"-\"");
    }
    if (listing->count == FOLDER_FILES_MAX)
    {
        return fail(&listing->visit, "", "holds too many templates, name some of them");
    }
    listing->names[listing->count++] = arena_strdup(listing->visit.arena, name);
    return true;
}

bool
folder_list(const struct folder_root *root, size_t *ret_count, const char *const **ret,
            const char **reterr)
{
    struct listing listing = { { root->arena, root->path, reterr }, NULL, 0 };
    bool ok;

    listing.names = arena_alloc(root->arena, FOLDER_FILES_MAX * sizeof(*listing.names));
    ok = each_entry(&listing.visit, root->fd, "", list_entry, &listing);
    *ret = listing.names;
    *ret_count = listing.count;
    return ok;
}

struct reading
{
    struct visit visit;
    struct folder *folder;
    size_t bytes;
};

/* Take over an open file. */
static bool
read_file(struct reading *reading, int file, const char *path, size_t size)
{
    char *text = arena_alloc(reading->visit.arena, size + 1);
    size_t len = 0;
    ssize_t got = 1;

    /* One byte more than there was: a file that grows is not cut. */
    while (len <= size && (got = read(file, text + len, size + 1 - len)) > 0)
    {
        len += (size_t) got;
    }
    if (got < 0 || len > size)
    {
        return got < 0 ? fail_errno(&reading->visit, path)
                       : fail(&reading->visit, path, "was changed while it was read");
    }
    if (!utf8_valid(text, len) || memchr(text, '\0', len) != NULL)
    {
        return fail(&reading->visit, path, "is no text in UTF-8");
    }
    reading->folder->paths[reading->folder->count] = path;
    reading->folder->contents[reading->folder->count++] = text;
    reading->bytes += len;
    return true;
}

static bool read_entry(void *user, int fd, const char *prefix, const char *name);

static bool
read_opened(struct reading *reading, int file, const char *prefix, const char *path)
{
    const struct visit *visit = &reading->visit;
    struct stat st;

    if (fstat(file, &st) != 0)
    {
        return fail_errno(visit, path);
    }
    if (S_ISDIR(st.st_mode) && prefix[0] == '\0' && strncmp(path, SAMPLES, SAMPLES_LEN - 1) == 0 &&
        path[SAMPLES_LEN - 1] == '\0')
    {
        return each_entry(visit, file, SAMPLES, read_entry, reading);
    }
    if (!S_ISREG(st.st_mode))
    {
        return fail(visit, path, "is neither a file nor the folder samples");
    }
    if (st.st_size > FOLDER_FILE_BYTES)
    {
        return fail(visit, path, "is larger than 4 MB");
    }
    if (reading->folder->count == FOLDER_FILES_MAX ||
        reading->bytes + (size_t) st.st_size > FOLDER_BYTES_MAX)
    {
        return fail(visit, "", "holds more than 1000 files or 64 MB");
    }
    return read_file(reading, file, path, (size_t) st.st_size);
}

static bool
read_entry(void *user, int fd, const char *prefix, const char *name)
{
    struct reading *reading = user;
    const char *path = arena_printf(reading->visit.arena, "%s%s", prefix, name);
    int file;
    bool ok;

    if (!utf8_valid(name, strlen(name)))
    {
        return fail(&reading->visit, prefix, "holds a file whose name is not UTF-8");
    }
    /* Opening a FIFO must not wait for a writer. */
    file = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
    {
        return fail_errno(&reading->visit, path);
    }
    ok = read_opened(reading, file, prefix, path);
    close(file);
    return ok;
}

bool
folder_read(const struct folder_root *root, const char *name, struct folder *ret,
            const char **reterr)
{
    struct reading reading = { visit_template(root, name, reterr), ret, 0 };
    int fd = enter(root->fd, name, false);
    bool ok;

    ret->count = 0;
    if (fd < 0)
    {
        return fail_errno(&reading.visit, "");
    }
    ok = each_entry(&reading.visit, fd, "", read_entry, &reading);
    close(fd);
    return ok;
}

/* ---- writing ---- */

static bool
write_all(int file, const char *text, size_t len)
{
    while (len > 0)
    {
        ssize_t written = write(file, text, len);

        if (written < 0)
        {
            return false;
        }
        text += written;
        len -= (size_t) written;
    }
    return true;
}

/* Put a file in place as a whole: who reads sees the old or the new one. */
static bool
write_file(int fd, const char *name, const char *text)
{
    int file;
    bool ok;

    unlinkat(fd, TEMPORARY, 0);
    file = openat(fd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
    {
        return false;
    }
    ok = write_all(file, text, strlen(text));
    ok = close(file) == 0 && ok && renameat(fd, TEMPORARY, fd, name) == 0;
    if (!ok)
    {
        int error = errno;

        unlinkat(fd, TEMPORARY, 0);
        errno = error;
    }
    return ok;
}

struct writing
{
    struct visit visit;
    const struct folder *folder;
};

static bool
has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* Is it a source of a template by its name? In folder samples everything is JSON. */
static bool
is_ours(const char *prefix, const char *name)
{
    bool is_json = has_suffix(name, ".json");

    if (prefix[0] != '\0')
    {
        return is_json;
    }
    return has_suffix(name, ".liquid") || (is_json && strncmp(name, "shared.", 7) == 0);
}

/* Remove a file of the template that the version does not have. */
static bool
remove_stale(void *user, int fd, const char *prefix, const char *name)
{
    const struct writing *writing = user;
    const char *path = arena_printf(writing->visit.arena, "%s%s", prefix, name);

    if (!is_ours(prefix, name))
    {
        return true;
    }
    for (size_t i = 0; i < writing->folder->count; i++)
    {
        if (strcmp(writing->folder->paths[i], path) == 0)
        {
            return true;
        }
    }
    return unlinkat(fd, name, 0) == 0 || fail_errno(&writing->visit, path);
}

/* The files whose paths begin with the prefix and hold no further slash. */
static bool
write_level(struct writing *writing, int fd, const char *prefix)
{
    const struct folder *folder = writing->folder;
    size_t len = strlen(prefix);

    for (size_t i = 0; i < folder->count; i++)
    {
        const char *leaf = folder->paths[i] + len;

        if (strncmp(folder->paths[i], prefix, len) == 0 && strchr(leaf, '/') == NULL &&
            !write_file(fd, leaf, folder->contents[i]))
        {
            return fail_errno(&writing->visit, folder->paths[i]);
        }
    }
    return each_entry(&writing->visit, fd, prefix, remove_stale, writing);
}

static bool
write_samples(struct writing *writing, int parent)
{
    bool any = false;
    bool ok;
    int fd;

    for (size_t i = 0; i < writing->folder->count; i++)
    {
        any = any || strncmp(writing->folder->paths[i], SAMPLES, SAMPLES_LEN) == 0;
    }
    fd = enter(parent, "samples", any);
    if (fd < 0)
    {
        return (!any && errno == ENOENT) || fail_errno(&writing->visit, "samples");
    }
    ok = write_level(writing, fd, SAMPLES);
    close(fd);
    return ok;
}

bool
folder_write(const struct folder_root *root, const char *name, const struct folder *folder,
             const char **reterr)
{
    struct writing writing = { visit_template(root, name, reterr), folder };
    bool ok;
    int fd;

    if (!folder_name_valid(name))
    {
        return fail(&writing.visit, "", "is no name for a folder");
    }
    for (size_t i = 0; i < folder->count; i++)
    {
        if (!path_valid(folder->paths[i]))
        {
            return fail(&writing.visit, folder->paths[i], "is no name for a file");
        }
    }
    fd = enter(root->fd, name, true);
    if (fd < 0)
    {
        return fail_errno(&writing.visit, "");
    }
    ok = write_level(&writing, fd, "") && write_samples(&writing, fd);
    close(fd);
    return ok;
}
