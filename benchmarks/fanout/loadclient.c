/* A crowd of WebSocket clients in one thread: opens many sockets, counts frames, reads a timestamp in the payload.
 *
 *   loadclient PORT FILE [arrivals]
 *
 * FILE has a line a socket: PATH TAB HEADER-LINE TAB FIRST-MESSAGE TAB WELCOME, all but the first may be empty; a unit
 * separator (0x1f) in FIRST-MESSAGE is a line's end in the message.
 * A socket counts as open when it has a frame with WELCOME in it, or after the handshake where there is none.
 * Commands on stdin, one a line; each is answered with one line of JSON on stdout:
 *   open        open every socket that is not open; answers when all are, with the seconds it took
 *   expect N    an event is for N sockets; as long as nobody says so, for all
 *   reset       forget what was counted
 *   report      what was counted since
 *   delays      a list with [at, seen, arrived] of every event that all it is for have; two times in milliseconds
 *   cut         close every socket without a word
 * An event is a text frame whose payload has `"at":"<nanoseconds of CLOCK_REALTIME>"`; an event's delay is counted when
 * the last socket that it is for has it: `seen` when this program has read it, `arrived` when the kernel had it ready for
 * reading. A kernel stamps only when asked to (`arrivals`), since that costs a little; else `arrived` is `seen`. Pings are
 * answered, Engine.IO's and Centrifugo's too. Knows nothing else of any server.
 */
#include "crowd.h"

enum { CLOSED, CONNECTING, HANDSHAKING, WAITING, OPEN }; /* WAITING: for the welcome */
enum { MAX_DELAYS = 1 << 20, TRACKED = 4096 };

struct client { int fd, state; char *path, *header, *first, *welcome; struct rest rest; };
struct event { uint64_t at, arrived; uint32_t seen; };
struct delay { uint64_t at; double seen_ms, arrived_ms; };

static struct client *clients;
static int count, expected, opened, under_way, failed, port, stamping;
static uint64_t frames, events, bytes, closes;
static struct delay delays[MAX_DELAYS];
static int delay_count;
static struct event tracked[TRACKED];

static uint64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_REALTIME, &t); return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec; }

static void drop(struct client *c) {
    if (c->state == CLOSED) return;
    close(c->fd);
    if (c->state == OPEN) opened--; else { failed++; under_way--; }
    c->state = CLOSED;
    forget(&c->rest);
    closes++;
}

static void say(struct client *c, int opcode, const void *data, size_t length) {
    if (!send_masked(c->fd, opcode, data, length)) drop(c);
}

static void note_event(uint64_t at, uint64_t arrived) {
    events++;
    struct event *slot = &tracked[(at / 1000) % TRACKED];
    if (slot->at != at) { slot->at = at; slot->arrived = 0; slot->seen = 0; }
    if (arrived > slot->arrived) slot->arrived = arrived;
    if (++slot->seen == (uint32_t)(expected ? expected : opened) && delay_count < MAX_DELAYS) {
        double seen = (now_ns() - at) / 1e6;
        delays[delay_count++] = (struct delay){ at, seen, slot->arrived ? (slot->arrived - at) / 1e6 : seen };
    }
}

static void welcomed(struct client *c) { c->state = OPEN; under_way--; opened++; }

static void on_frame(struct client *c, int opcode, const uint8_t *payload, size_t length, uint64_t arrived) {
    frames++;
    if (opcode == 9) { say(c, 10, payload, length); return; }
    if (opcode == 8) { drop(c); return; }
    if (length == 1 && payload[0] == '2') { say(c, 1, "3", 1); return; } /* Engine.IO's ping */
    if (length == 2 && !memcmp(payload, "{}", 2)) { say(c, 1, "{}", 2); return; } /* Centrifugo's */
    if (c->state == WAITING) { if (memmem(payload, length, c->welcome, strlen(c->welcome))) welcomed(c); return; }
    const uint8_t *found = memmem(payload, length, "\"at\":\"", 6);
    if (found == NULL) found = memmem(payload, length, "\"at\\\":\\\"", 8);
    if (found == NULL) return;
    while (*found < '0' || *found > '9') found++;
    note_event(strtoull((const char *)found, NULL, 10), arrived);
}

/* Returns how much of the buffer was whole frames. */
static size_t parse(struct client *c, const uint8_t *data, size_t length, uint64_t arrived) {
    size_t done = 0, size;
    struct frame frame;
    while (c->state >= WAITING && (size = read_frame(data + done, length - done, &frame))) {
        on_frame(c, frame.opcode, frame.payload, frame.length, arrived);
        done += size;
    }
    return done;
}

static void handshake(struct client *c) {
    if (send_request(c->fd, c->path, "", c->header)) c->state = HANDSHAKING;
    else drop(c);
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
        size_t kept = take(&c->rest, buffer);
        uint64_t arrived;
        ssize_t got = receive(c->fd, buffer + kept, BUFFER, &arrived);
        if (got <= 0) {
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                keep(&c->rest, buffer, kept);
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
                if (*c->first) say(c, 1, c->first, strlen(c->first));
                done = end + 4 - buffer;
            }
        }
        if (c->state >= WAITING) done += parse(c, buffer + done, length - done, arrived);
        if (c->state == CLOSED) return;
        keep(&c->rest, buffer + done, length - done);
        if (got < BUFFER) return;
    }
}

static void start(int index) {
    struct client *c = &clients[index];
    c->state = CONNECTING; under_way++;
    c->fd = dial(index, port, stamping);
    if (c->fd < 0) { c->state = CLOSED; under_way--; failed++; closes++; }
}

static void serve(int index, uint32_t events_of) {
    struct client *c = &clients[index];
    if (c->state == CLOSED) return;
    if (c->state == CONNECTING) {
        if (connect_error(c->fd)) { drop(c); return; }
        if (events_of & EPOLLOUT) handshake(c);
    }
    if (c->state != CLOSED && events_of & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_data(c);
}

static void open_all(void) {
    double began = now();
    int next = 0;
    failed = 0;
    while (opened < count && now() - began < 120) {
        while (next < count && under_way < 200) { if (clients[next].state == CLOSED) start(next); next++; }
        if (next == count && under_way == 0 && opened < count) next = 0; /* who was refused tries again */
        turn(20, serve);
    }
    printf("{\"opened\":%d,\"failed\":%d,\"seconds\":%.3f}\n", opened, failed, now() - began);
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

static void obey(char *command) {
    if (!strcmp(command, "open")) open_all();
    else if (!strcmp(command, "report")) report();
    else if (!strcmp(command, "delays")) list_delays();
    else if (!strcmp(command, "reset")) { frames = events = bytes = closes = 0; delay_count = 0; memset(tracked, 0, sizeof tracked); printf("{}\n"); }
    else if (!strncmp(command, "expect ", 7)) { expected = atoi(command + 7); printf("{}\n"); }
    else if (!strcmp(command, "cut")) { for (int i = 0; i < count; i++) drop(&clients[i]); printf("{}\n"); }
    else printf("{\"error\":\"no such command\"}\n");
}

static void add(char *path) {
    static int space;
    if (count == space) { space = space ? space * 2 : 1024; clients = realloc(clients, space * sizeof *clients); }
    char *header = after_tab(path), *first = header ? after_tab(header) : NULL, *welcome = first ? after_tab(first) : NULL;
    if (!first) { fprintf(stderr, "a line without two tabs\n"); exit(2); }
    for (char *end = first; (end = strchr(end, '\x1f')); ) *end = '\n';
    clients[count++] = (struct client){ .fd = -1, .path = path, .header = header, .first = first, .welcome = welcome ? welcome : "" };
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) { fprintf(stderr, "usage: loadclient PORT FILE [arrivals]\n"); return 2; }
    port = atoi(argv[1]);
    stamping = argc == 4 && !strcmp(argv[3], "arrivals");
    read_lines(argv[2], add);
    begin();
    run(serve, obey);
}
