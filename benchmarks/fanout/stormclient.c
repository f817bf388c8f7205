/* Terminals that all come back at once: many WebSockets in one thread, each with its own notes of what it has.
 *
 *   stormclient FILE
 *
 * FILE has a line a terminal: PORT TAB PATH TAB HEADER-LINE. A terminal comes in live, and after a cut behind the last
 * offset that it has. Who is refused comes back when `Retry-After` says, who fails soon; both by chance spread a little.
 * Commands on stdin, one a line; each is answered with one line of JSON on stdout:
 *   open               bring in everybody; answers when all are, or after 120 s
 *   cut                close every socket without a word
 *   storm SEQ SECONDS  bring in everybody; answers when each has everything up to SEQ, or when the time is over
 *   report             what was counted since the start
 * `lost` counts events that were passed over, `repeated` those that came again: both are to be 0. Knows the contract's
 * frames and nothing of a server.
 */
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

enum { CLOSED, CONNECTING, HANDSHAKING, OPEN };
enum { BUFFER = 131072 };

struct terminal {
    int fd, state, port, known;
    uint32_t rest_len;
    int64_t epoch, seq;
    double due, caught;
    char *path, *header;
    uint8_t *rest;
};

static struct terminal *terminals;
static int count, opened, caught, epoll_fd;
static int64_t target = INT64_MAX;
static double began;
static uint64_t events, lost, repeated, resets, refused, failed, errors;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static double chance(void) { return rand() / (RAND_MAX + 1.0); }

static void drop(struct terminal *t, double pause) {
    if (t->state == CLOSED) return;
    close(t->fd);
    if (t->state == OPEN) opened--;
    t->state = CLOSED;
    free(t->rest); t->rest = NULL; t->rest_len = 0;
    t->due = now() + pause;
}

static void fail(struct terminal *t) { failed++; drop(t, 0.2 + 0.8 * chance()); }

static void send_pong(struct terminal *t, const uint8_t *data, size_t length) {
    uint8_t frame[136] = { 0x8a, 0x80 | (uint8_t)length };
    if (length > 125) return;
    memcpy(frame + 6, data, length);
    if (send(t->fd, frame, length + 6, MSG_NOSIGNAL) < 0 && errno != EAGAIN) fail(t);
}

static int read_offset(const uint8_t *payload, size_t length, const char *name, int64_t *epoch, int64_t *seq) {
    const uint8_t *found = memmem(payload, length, name, strlen(name));
    if (found == NULL) return 0;
    char *end;
    *epoch = strtoll((const char *)found + strlen(name), &end, 10);
    if (*end != '-') return 0;
    *seq = strtoll(end + 1, NULL, 10);
    return 1;
}

static void note_progress(struct terminal *t) {
    if (t->caught < 0 && t->seq >= target) { t->caught = now() - began; caught++; }
}

static int is(const uint8_t *payload, size_t length, const char *type) {
    size_t size = strlen(type);
    return length > size + 9 && memcmp(payload, "{\"type\":\"", 9) == 0 && memcmp(payload + 9, type, size) == 0 && payload[9 + size] == '"';
}

static void on_frame(struct terminal *t, int opcode, const uint8_t *payload, size_t length) {
    int64_t epoch, seq;
    if (opcode == 9) { send_pong(t, payload, length); return; }
    if (opcode == 8) { fail(t); return; }
    if (opcode != 1 || is(payload, length, "heartbeat") || is(payload, length, "caught_up")) return;
    if (is(payload, length, "hello")) {
        if (!t->known && read_offset(payload, length, "\"after\":\"", &t->epoch, &t->seq)) t->known = 1;
        note_progress(t);
        return;
    }
    if (is(payload, length, "reset")) { resets++; return; }
    if (!read_offset(payload, length, "\"offset\":\"", &epoch, &seq)) { errors++; return; }
    events++;
    if (seq <= t->seq) repeated++;
    else { lost += seq - t->seq - 1; t->seq = seq; t->epoch = epoch; }
    note_progress(t);
}

/* Returns how much of the buffer was whole frames. */
static size_t parse(struct terminal *t, const uint8_t *data, size_t length) {
    size_t done = 0;
    while (t->state == OPEN && length - done >= 2) {
        const uint8_t *p = data + done;
        size_t header = 2, size = p[1] & 127;
        if (size == 126) { if (length - done < 4) break; size = (p[2] << 8) | p[3]; header = 4; }
        else if (size == 127) { if (length - done < 10) break; size = 0; for (int i = 2; i < 10; i++) size = size << 8 | p[i]; header = 10; }
        if (length - done < header + size) break;
        on_frame(t, p[0] & 15, p + header, size);
        done += header + size;
    }
    return done;
}

static void handshake(struct terminal *t) {
    char request[2048], after[64] = "";
    if (t->known) snprintf(after, sizeof after, "?after=%ld-%ld", t->epoch, t->seq);
    int length = snprintf(request, sizeof request,
        "GET %s%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n",
        t->path, after, t->header, *t->header ? "\r\n" : "");
    if (send(t->fd, request, length, MSG_NOSIGNAL) != length) { fail(t); return; }
    t->state = HANDSHAKING;
}

static void on_answer(struct terminal *t, const uint8_t *head, size_t length) {
    if (memcmp(head, "HTTP/1.1 101", 12) == 0) { t->state = OPEN; opened++; return; }
    if (memcmp(head, "HTTP/1.1 503", 12) != 0) { errors++; fail(t); return; }
    const char *found = memmem(head, length, "etry-", 5);
    double pause = found && strncasecmp(found, "etry-after: ", 12) == 0 ? atof(found + 12) : 1;
    refused++;
    drop(t, pause * (0.5 + chance()));
}

static void on_data(struct terminal *t) {
    static uint8_t buffer[BUFFER * 2 + 16];
    for (;;) {
        size_t kept = t->rest_len;
        if (kept) { memcpy(buffer, t->rest, kept); free(t->rest); t->rest = NULL; t->rest_len = 0; }
        ssize_t got = recv(t->fd, buffer + kept, BUFFER, 0);
        if (got <= 0) {
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                if (kept) { t->rest = malloc(kept); memcpy(t->rest, buffer, kept); t->rest_len = kept; }
                return;
            }
            fail(t); return;
        }
        size_t length = kept + got, done = 0;
        buffer[length] = 0;
        if (t->state == HANDSHAKING) {
            uint8_t *end = memmem(buffer, length, "\r\n\r\n", 4);
            if (end) { done = end + 4 - buffer; on_answer(t, buffer, done); }
        }
        if (t->state == OPEN) done += parse(t, buffer + done, length - done);
        if (t->state == CLOSED) return;
        if (length - done) { t->rest_len = length - done; t->rest = malloc(t->rest_len); memcpy(t->rest, buffer + done, t->rest_len); }
        if (got < BUFFER) return;
    }
}

static void start(int index) {
    struct terminal *t = &terminals[index];
    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (t->fd < 0) { perror("socket"); exit(1); }
    int one = 1; setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    /* More source addresses than one have more ports than one. */
    struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + index / 5000) };
    setsockopt(t->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    if (bind(t->fd, (struct sockaddr *)&source, sizeof source) < 0) { perror("bind"); exit(1); }
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(t->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    t->state = CONNECTING;
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = index };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, t->fd, &e);
    if (connect(t->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) fail(t);
}

static void turn(int timeout_ms) {
    static struct epoll_event ready[1024];
    int n = epoll_wait(epoll_fd, ready, 1024, timeout_ms);
    for (int i = 0; i < n; i++) {
        if (ready[i].data.u32 == UINT32_MAX) continue;
        struct terminal *t = &terminals[ready[i].data.u32];
        if (t->state == CLOSED) continue;
        if (t->state == CONNECTING) {
            int error = 0; socklen_t size = sizeof error;
            getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size);
            if (error) { fail(t); continue; }
            if (ready[i].events & EPOLLOUT) handshake(t);
        }
        if (t->state != CLOSED && ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_data(t);
    }
}

static void bring_in(void) {
    double moment = now();
    for (int i = 0; i < count; i++) if (terminals[i].state == CLOSED && terminals[i].due <= moment) start(i);
}

static int ascending(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }

static void storm(int64_t seq, double seconds) {
    double *delays = malloc(count * sizeof *delays), last_look = 0;
    began = now(); target = seq; caught = 0;
    uint64_t refused_before = refused, failed_before = failed;
    for (int i = 0; i < count; i++) { terminals[i].caught = -1; terminals[i].due = 0; note_progress(&terminals[i]); }
    while ((target == INT64_MAX ? opened : caught) < count && now() - began < seconds) {
        if (now() - last_look > 0.005) { bring_in(); last_look = now(); }
        turn(5);
    }
    double took = now() - began;
    int n = 0;
    for (int i = 0; i < count; i++) if (terminals[i].caught >= 0) delays[n++] = terminals[i].caught;
    qsort(delays, n, sizeof *delays, ascending);
    printf("{\"open\":%d,\"caught_up\":%d,\"seconds\":%.3f,\"p50_s\":%.3f,\"p99_s\":%.3f,\"refused\":%lu,\"failed\":%lu,\"lost\":%lu,\"repeated\":%lu,\"resets\":%lu,\"errors\":%lu}\n",
        opened, n, took, n ? delays[n / 2] : 0, n ? delays[(int)(n * 0.99)] : 0, refused - refused_before, failed - failed_before, lost, repeated, resets, errors);
    target = INT64_MAX;
    free(delays);
}

static void obey(char *command) {
    long seq; double seconds;
    if (!strcmp(command, "open")) storm(INT64_MAX, 120);
    else if (sscanf(command, "storm %ld %lf", &seq, &seconds) == 2) storm(seq, seconds);
    else if (!strcmp(command, "cut")) { for (int i = 0; i < count; i++) drop(&terminals[i], 0); printf("{}\n"); }
    else if (!strcmp(command, "report"))
        printf("{\"open\":%d,\"events\":%lu,\"lost\":%lu,\"repeated\":%lu,\"resets\":%lu,\"refused\":%lu,\"failed\":%lu,\"errors\":%lu}\n",
            opened, events, lost, repeated, resets, refused, failed, errors);
    else printf("{\"error\":\"no such command\"}\n");
}

static void read_terminals(const char *name) {
    FILE *file = fopen(name, "r");
    if (!file) { perror(name); exit(2); }
    char *line = NULL; size_t room = 0; ssize_t length; int space = 0;
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        if (count == space) { space = space ? space * 2 : 1024; terminals = realloc(terminals, space * sizeof *terminals); }
        char *own = strdup(line), *path = strchr(own, '\t'), *header = path ? strchr(path + 1, '\t') : NULL;
        if (!header) { fprintf(stderr, "a line without two tabs\n"); exit(2); }
        *path++ = 0; *header++ = 0;
        terminals[count++] = (struct terminal){ .fd = -1, .port = atoi(own), .path = path, .header = header, .seq = -1 };
    }
    fclose(file);
}

int main(int argc, char **argv) {
    if (argc != 2) { fprintf(stderr, "usage: stormclient FILE\n"); return 2; }
    struct rlimit limit; getrlimit(RLIMIT_NOFILE, &limit); limit.rlim_cur = limit.rlim_max; setrlimit(RLIMIT_NOFILE, &limit);
    read_terminals(argv[1]);
    epoll_fd = epoll_create1(0);
    struct epoll_event e = { .events = EPOLLIN, .data.u32 = UINT32_MAX };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &e);
    fcntl(0, F_SETFL, O_NONBLOCK);
    setvbuf(stdout, NULL, _IOLBF, 0);
    char command[128]; size_t have = 0;
    for (;;) {
        turn(100);
        ssize_t got = read(0, command + have, sizeof command - 1 - have);
        if (got == 0) return 0;
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
