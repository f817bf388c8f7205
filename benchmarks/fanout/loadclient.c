/* A crowd of WebSocket clients in one thread: opens many sockets, counts frames, reads a timestamp in the payload.
 *
 *   loadclient PORT FILE [arrivals]
 *
 * FILE has a line a socket: PATH TAB HEADER-LINE TAB FIRST-MESSAGE TAB WELCOME, all but the first may be empty.
 * A socket counts as open when it has a frame with WELCOME in it, or after the handshake where there is none.
 * Commands on stdin, one a line; each is answered with one line of JSON on stdout:
 *   open        open every socket that is not open; answers when all are, with the seconds it took
 *   reset       forget what was counted
 *   report      what was counted since
 *   delays      a list with [at, seen, arrived] of every event that the whole crowd has; two times in milliseconds
 *   cut         close every socket without a word
 * An event is a text frame whose payload has `"at":"<nanoseconds of CLOCK_REALTIME>"`; an event's delay is counted when
 * the last socket of the crowd has it: `seen` when this program has read it, `arrived` when the kernel had it ready for
 * reading. A kernel stamps only when asked to (`arrivals`), since that costs a little; else `arrived` is `seen`. Pings are
 * answered, Engine.IO's too. Knows nothing of any server.
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

enum { CLOSED, CONNECTING, HANDSHAKING, WAITING, OPEN }; /* WAITING: for the welcome */
enum { BUFFER = 131072, MAX_DELAYS = 1 << 20, TRACKED = 4096 };

struct client { int fd, state; char *path, *header, *first, *welcome; uint8_t *rest; uint32_t rest_len; };
struct event { uint64_t at, arrived; uint32_t seen; };
struct delay { uint64_t at; double seen_ms, arrived_ms; };

static struct client *clients;
static int count, opened, under_way, failed, epoll_fd, stamping;
static uint64_t frames, events, bytes, closes;
static struct delay delays[MAX_DELAYS];
static int delay_count;
static struct event tracked[TRACKED];
static struct sockaddr_in address;

static double now_monotonic(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static uint64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_REALTIME, &t); return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec; }

static void drop(struct client *c) {
    if (c->state == CLOSED) return;
    close(c->fd);
    if (c->state == OPEN) opened--; else { failed++; under_way--; }
    c->state = CLOSED;
    free(c->rest); c->rest = NULL; c->rest_len = 0;
    closes++;
}

static void send_masked(struct client *c, int opcode, const void *data, size_t length) {
    uint8_t frame[4096 + 8];
    if (length > 125 && length > 4000) return;
    size_t at = 0;
    frame[at++] = 0x80 | opcode;
    if (length < 126) frame[at++] = 0x80 | (uint8_t)length;
    else { frame[at++] = 0x80 | 126; frame[at++] = length >> 8; frame[at++] = length & 255; }
    memset(frame + at, 0, 4); at += 4; /* a mask of zeros is a mask */
    memcpy(frame + at, data, length);
    if (send(c->fd, frame, at + length, MSG_NOSIGNAL) < 0 && errno != EAGAIN) drop(c);
}

static void note_event(uint64_t at, uint64_t arrived) {
    events++;
    struct event *slot = &tracked[(at / 1000) % TRACKED];
    if (slot->at != at) { slot->at = at; slot->arrived = 0; slot->seen = 0; }
    if (arrived > slot->arrived) slot->arrived = arrived;
    if (++slot->seen == (uint32_t)opened && delay_count < MAX_DELAYS) {
        double seen = (now_ns() - at) / 1e6;
        delays[delay_count++] = (struct delay){ at, seen, slot->arrived ? (slot->arrived - at) / 1e6 : seen };
    }
}

static void welcomed(struct client *c) { c->state = OPEN; under_way--; opened++; }

static void on_frame(struct client *c, int opcode, const uint8_t *payload, size_t length, uint64_t arrived) {
    frames++;
    if (opcode == 9) { send_masked(c, 10, payload, length); return; }
    if (opcode == 8) { drop(c); return; }
    if (length == 1 && payload[0] == '2') { send_masked(c, 1, "3", 1); return; } /* Engine.IO's ping */
    if (c->state == WAITING) { if (memmem(payload, length, c->welcome, strlen(c->welcome))) welcomed(c); return; }
    const uint8_t *found = memmem(payload, length, "\"at\":\"", 6);
    if (found == NULL) found = memmem(payload, length, "\"at\\\":\\\"", 8);
    if (found == NULL) return;
    while (*found < '0' || *found > '9') found++;
    note_event(strtoull((const char *)found, NULL, 10), arrived);
}

/* Returns how much of the buffer was whole frames. */
static size_t parse(struct client *c, const uint8_t *data, size_t length, uint64_t arrived) {
    size_t done = 0;
    while (c->state >= WAITING && length - done >= 2) {
        const uint8_t *p = data + done;
        size_t header = 2, size = p[1] & 127;
        if (size == 126) { if (length - done < 4) break; size = (p[2] << 8) | p[3]; header = 4; }
        else if (size == 127) { if (length - done < 10) break; size = 0; for (int i = 2; i < 10; i++) size = size << 8 | p[i]; header = 10; }
        if (length - done < header + size) break;
        on_frame(c, p[0] & 15, p + header, size, arrived);
        done += header + size;
    }
    return done;
}

static void handshake(struct client *c) {
    char request[2048];
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n",
        c->path, c->header, *c->header ? "\r\n" : "");
    if (send(c->fd, request, length, MSG_NOSIGNAL) != length) { drop(c); return; }
    c->state = HANDSHAKING;
}

/* recv(), and when the kernel had the last byte of it, in nanoseconds of CLOCK_REALTIME; 0 where it did not say. */
static ssize_t receive(int fd, void *data, size_t size, uint64_t *arrived) {
    *arrived = 0;
    if (!stamping) return recv(fd, data, size, 0);
    union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(struct timespec))]; } control;
    struct iovec into = { data, size };
    struct msghdr message = { .msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    ssize_t got = recvmsg(fd, &message, 0);
    struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec t; memcpy(&t, CMSG_DATA(c), sizeof t);
        *arrived = (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
    }
    return got;
}

static void on_data(struct client *c) {
    static uint8_t buffer[BUFFER * 2 + 16];
    for (;;) {
        size_t kept = c->rest_len;
        if (kept) { memcpy(buffer, c->rest, kept); free(c->rest); c->rest = NULL; c->rest_len = 0; }
        uint64_t arrived;
        ssize_t got = receive(c->fd, buffer + kept, BUFFER, &arrived);
        if (got <= 0) {
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                if (kept) { c->rest = malloc(kept); memcpy(c->rest, buffer, kept); c->rest_len = kept; }
                return;
            }
            drop(c); return;
        }
        bytes += got;
        size_t length = kept + got, done = 0;
        buffer[length] = 0;
        if (c->state == HANDSHAKING) {
            uint8_t *end = memmem(buffer, length, "\r\n\r\n", 4);
            if (end) {
                if (memcmp(buffer, "HTTP/1.1 101", 12) != 0) { drop(c); return; }
                c->state = WAITING;
                if (!*c->welcome) welcomed(c);
                if (*c->first) send_masked(c, 1, c->first, strlen(c->first));
                done = end + 4 - buffer;
            }
        }
        if (c->state >= WAITING) done += parse(c, buffer + done, length - done, arrived);
        if (c->state == CLOSED) return;
        if (length - done) { c->rest_len = length - done; c->rest = malloc(c->rest_len); memcpy(c->rest, buffer + done, c->rest_len); }
        if (got < BUFFER) return;
    }
}

static void start(int index) {
    struct client *c = &clients[index];
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) { perror("socket"); exit(1); }
    int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (stamping) setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    /* More source addresses than one have more ports than one. */
    struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + index / 20000) };
    setsockopt(c->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    bind(c->fd, (struct sockaddr *)&source, sizeof source);
    c->state = CONNECTING; under_way++;
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = index };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) drop(c);
}

static void turn(int timeout_ms) {
    static struct epoll_event ready[1024];
    int n = epoll_wait(epoll_fd, ready, 1024, timeout_ms);
    for (int i = 0; i < n; i++) {
        if (ready[i].data.u32 == UINT32_MAX) continue;
        struct client *c = &clients[ready[i].data.u32];
        if (c->state == CLOSED) continue;
        if (c->state == CONNECTING) {
            int error = 0; socklen_t size = sizeof error;
            getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
            if (error) { drop(c); continue; }
            if (ready[i].events & EPOLLOUT) handshake(c);
        }
        if (c->state != CLOSED && ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_data(c);
    }
}

static void open_all(void) {
    double began = now_monotonic();
    int next = 0;
    failed = 0;
    while (opened < count && now_monotonic() - began < 120) {
        while (next < count && under_way < 200) { if (clients[next].state == CLOSED) start(next); next++; }
        if (next == count && under_way == 0 && opened < count) next = 0; /* who was refused tries again */
        turn(20);
    }
    printf("{\"opened\":%d,\"failed\":%d,\"seconds\":%.3f}\n", opened, failed, now_monotonic() - began);
}

static int ascending(const void *a, const void *b) {
    double x = ((struct delay *)a)->seen_ms, y = ((struct delay *)b)->seen_ms;
    return x < y ? -1 : x > y;
}

static void report(void) {
    qsort(delays, delay_count, sizeof *delays, ascending);
    double p50 = delay_count ? delays[delay_count / 2].seen_ms : 0, p99 = delay_count ? delays[(int)(delay_count * 0.99)].seen_ms : 0;
    printf("{\"open\":%d,\"frames\":%lu,\"events\":%lu,\"bytes\":%lu,\"closes\":%lu,\"complete\":%d,\"last_p50_ms\":%.3f,\"last_p99_ms\":%.3f,\"last_max_ms\":%.3f}\n",
        opened, frames, events, bytes, closes, delay_count, p50, p99, delay_count ? delays[delay_count - 1].seen_ms : 0);
}

static void list_delays(void) {
    printf("[");
    for (int i = 0; i < delay_count; i++) printf("%s[%lu,%.3f,%.3f]", i ? "," : "", delays[i].at, delays[i].seen_ms, delays[i].arrived_ms);
    printf("]\n");
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) { fprintf(stderr, "usage: loadclient PORT FILE [arrivals]\n"); return 2; }
    stamping = argc == 4 && !strcmp(argv[3], "arrivals");
    struct rlimit limit; getrlimit(RLIMIT_NOFILE, &limit); limit.rlim_cur = limit.rlim_max; setrlimit(RLIMIT_NOFILE, &limit);
    address.sin_family = AF_INET; address.sin_port = htons(atoi(argv[1])); address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    FILE *file = fopen(argv[2], "r");
    if (!file) { perror(argv[2]); return 2; }
    char *line = NULL; size_t room = 0; ssize_t length; int space = 0;
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        if (count == space) { space = space ? space * 2 : 1024; clients = realloc(clients, space * sizeof *clients); }
        char *path = strdup(line), *header = strchr(path, '\t');
        if (!header) { fprintf(stderr, "a line without tabs\n"); return 2; }
        *header++ = 0;
        char *first = strchr(header, '\t');
        if (!first) { fprintf(stderr, "a line with one tab\n"); return 2; }
        *first++ = 0;
        char *welcome = strchr(first, '\t');
        if (welcome) *welcome++ = 0;
        clients[count++] = (struct client){ .fd = -1, .path = path, .header = header, .first = first, .welcome = welcome ? welcome : "" };
    }
    fclose(file);
    epoll_fd = epoll_create1(0);
    struct epoll_event e = { .events = EPOLLIN, .data.u32 = UINT32_MAX };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &e);
    fcntl(0, F_SETFL, O_NONBLOCK);
    setvbuf(stdout, NULL, _IOLBF, 0);
    char command[64]; size_t have = 0;
    for (;;) {
        turn(100);
        ssize_t got = read(0, command + have, sizeof command - 1 - have);
        if (got == 0) return 0;
        if (got > 0) have += got;
        command[have] = 0;
        char *end;
        while ((end = strchr(command, '\n'))) {
            *end = 0;
            if (!strcmp(command, "open")) open_all();
            else if (!strcmp(command, "report")) report();
            else if (!strcmp(command, "delays")) list_delays();
            else if (!strcmp(command, "reset")) { frames = events = bytes = closes = 0; delay_count = 0; memset(tracked, 0, sizeof tracked); printf("{}\n"); }
            else if (!strcmp(command, "cut")) { for (int i = 0; i < count; i++) drop(&clients[i]); printf("{}\n"); }
            else printf("{\"error\":\"no such command\"}\n");
            have -= end + 1 - command;
            memmove(command, end + 1, have + 1);
        }
    }
}
