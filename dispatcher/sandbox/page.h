/* The page listener: shows what arrived, and takes scripts. Plain HTTP/1.1. */
#ifndef SANDBOX_PAGE_H
#define SANDBOX_PAGE_H

#include "sandbox/https.h"
#include "sandbox/sandbox.h"

struct page;

/* NULL with *reterr static when the address cannot be bound. */
struct page *page_create(struct sandbox *sandbox, struct https *https, const char *address,
                         const char **reterr);
int page_port(const struct page *page);

/* Stops listening; its connections must be gone (sock_net_destroy()). */
void page_destroy(struct page *page);

/* The files of the page (page_files.c). */
extern const char page_html[];
extern const char page_css[];
extern const char page_js[];

#endif
