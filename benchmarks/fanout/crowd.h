/* What the crowds of WebSocket clients here share: sockets, the handshake, frames, and commands on stdin.
 *
 * Knows nothing of what a client is for; who includes it has the state of its clients and what becomes of them.
 */
#ifndef CROWD_H
#define CROWD_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 131072, SOCKETS_AN_ADDRESS = 5000, COMMAND_BYTES = 128 };

struct frame { int opcode; const uint8_t *payload; size_t length; };
/* What came and is not a whole frame yet; none is held for a client between two frames. */
struct rest { uint8_t *bytes; uint32_t length; };

static int epoll_fd;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

/* A socket on its way to a port here, watched as number `index`; -1 when it fails at once. */
static int dial(int index, int port, int stamping) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) { perror("socket"); exit(1); }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (stamping) setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    /* More source addresses than one have more ports than one. */
    struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + index / SOCKETS_AN_ADDRESS) };
    setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0) { perror("bind"); exit(1); }
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = index };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) { close(fd); return -1; }
    return fd;
}

/* What became of a connection on its way: 0, or its error. */
static int connect_error(int fd) {
    int error = 0; socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

/* Ask for a WebSocket; `header` is a line of its own, or empty. Returns whether it went out whole. */
static int send_request(int fd, const char *path, const char *query, const char *header) {
    char request[2048];
    int length = snprintf(request, sizeof request,
        "GET %s%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n",
        path, query, header, *header ? "\r\n" : "");
    return send(fd, request, length, MSG_NOSIGNAL) == length;
}

/* Send a frame of at most 4,000 bytes; returns 0 when the connection is gone. */
static int send_masked(int fd, int opcode, const void *data, size_t length) {
    uint8_t frame[4096 + 8];
    if (length > 4000) return 1;
    size_t at = 0;
    frame[at++] = 0x80 | opcode;
    if (length < 126) frame[at++] = 0x80 | (uint8_t)length;
    else { frame[at++] = 0x80 | 126; frame[at++] = length >> 8; frame[at++] = length & 255; }
    memset(frame + at, 0, 4); at += 4; /* a mask of zeros is a mask */
    memcpy(frame + at, data, length);
    return send(fd, frame, at + length, MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
}

/* Read the frame that `p` begins with; returns its size, or 0 when it is not whole yet. */
static size_t read_frame(const uint8_t *p, size_t length, struct frame *frame) {
    if (length < 2) return 0;
    size_t header = 2, size = p[1] & 127;
    if (size == 126) { if (length < 4) return 0; size = (p[2] << 8) | p[3]; header = 4; }
    else if (size == 127) { if (length < 10) return 0; size = 0; for (int i = 2; i < 10; i++) size = size << 8 | p[i]; header = 10; }
    if (length < header + size) return 0;
    *frame = (struct frame){ p[0] & 15, p + header, size };
    return header + size;
}

static void forget(struct rest *rest) { free(rest->bytes); rest->bytes = NULL; rest->length = 0; }

static void keep(struct rest *rest, const uint8_t *data, size_t length) {
    if (length == 0) return;
    rest->bytes = malloc(length);
    memcpy(rest->bytes, data, length);
    rest->length = length;
}

/* Put what was kept at the begin of a buffer; returns how much that is. */
static size_t take(struct rest *rest, uint8_t *buffer) {
    size_t length = rest->length;
    if (length) memcpy(buffer, rest->bytes, length);
    forget(rest);
    return length;
}

/* Call `serve` with the number and the events of every socket that has some; returns after `timeout_ms` without any. */
static void turn(int timeout_ms, void (*serve)(int index, uint32_t events)) {
    static struct epoll_event ready[1024];
    int n = epoll_wait(epoll_fd, ready, 1024, timeout_ms);
    for (int i = 0; i < n; i++) if (ready[i].data.u32 != UINT32_MAX) serve(ready[i].data.u32, ready[i].events);
}

/* The lines of a file, one after the other, each a string of its own. */
static void read_lines(const char *name, void (*on_line)(char *own)) {
    FILE *file = fopen(name, "r");
    if (!file) { perror(name); exit(2); }
    char *line = NULL; size_t room = 0; ssize_t length;
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        on_line(strdup(line));
    }
    free(line);
    fclose(file);
}

/* Cut a line in two at its next tab; returns what follows, or NULL. */
static char *after_tab(char *line) {
    char *tab = strchr(line, '\t');
    if (tab) *tab++ = 0;
    return tab;
}

/* As many descriptors as may be, and a place to watch them. */
static void begin(void) {
    struct rlimit limit; getrlimit(RLIMIT_NOFILE, &limit); limit.rlim_cur = limit.rlim_max; setrlimit(RLIMIT_NOFILE, &limit);
    epoll_fd = epoll_create1(0);
    struct epoll_event e = { .events = EPOLLIN, .data.u32 = UINT32_MAX };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &e);
    fcntl(0, F_SETFL, O_NONBLOCK);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

/* Serve sockets, and obey the lines on stdin, until it ends. */
static void run(void (*serve)(int index, uint32_t events), void (*obey)(char *command)) {
    char command[COMMAND_BYTES]; size_t have = 0;
    for (;;) {
        turn(100, serve);
        ssize_t got = read(0, command + have, sizeof command - 1 - have);
        if (got == 0) return;
        if (got > 0) have += got;
        command[have] = 0;
        char *end;
        while ((end = strchr(command, '\n'))) {
            *end = 0;
            obey(command);
            have -= end + 1 - command;
            memmove(command, end + 1, have + 1);
        }
    }
}

#endif
