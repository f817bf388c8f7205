/* Terminals that all come back at once: many WebSockets in one thread, each with its own notes of what it has.
 *
 *   stormclient FILE
 *
 * FILE has a line a terminal: PORT TAB PATH TAB HEADER-LINE. A terminal comes in live, and after a cut behind the last
 * offset that it has. Who is refused comes back when `Retry-After` says, who fails soon; both by chance spread a little.
 * Who has no answer after PATIENCE gives up and fails: where the server's accept queue was full, the kernel would send
 * the request again after 51 seconds, and then after 102.
 * Commands on stdin, one a line; each is answered with one line of JSON on stdout:
 *   open               bring in everybody; answers when all are, or after 120 s
 *   cut                close every socket without a word
 *   storm SEQ SECONDS  bring in everybody; answers when each has everything up to SEQ, or when the time is over
 *   report             what was counted since the start
 * `lost` counts events that were passed over, `repeated` those that came again: both are to be 0. Knows the contract's
 * frames and nothing of a server.
 */
#include "crowd.h"

enum { CLOSED, CONNECTING, HANDSHAKING, OPEN };

static const double PATIENCE = 20; /* seconds, as a till has them */

/* `due`: while closed, when to come back; until it is open, when to give up. */
struct terminal {
    int fd, state, port, known;
    int64_t epoch, seq;
    double due, caught;
    char *path, *header;
    struct rest rest;
};

static struct terminal *terminals;
static int count, opened, caught;
static int64_t target = INT64_MAX;
static double storm_began;
static uint64_t events, lost, repeated, resets, refused, failed, errors;

static double chance(void) { return rand() / (RAND_MAX + 1.0); }

static void drop(struct terminal *t, double pause) {
    if (t->state == CLOSED) return;
    close(t->fd);
    if (t->state == OPEN) opened--;
    t->state = CLOSED;
    forget(&t->rest);
    t->due = now() + pause;
}

static void fail(struct terminal *t) { failed++; drop(t, 0.2 + 0.8 * chance()); }

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
    if (t->caught < 0 && t->seq >= target) { t->caught = now() - storm_began; caught++; }
}

static int is(const uint8_t *payload, size_t length, const char *type) {
    size_t size = strlen(type);
    return length > size + 9 && memcmp(payload, "{\"type\":\"", 9) == 0 && memcmp(payload + 9, type, size) == 0 && payload[9 + size] == '"';
}

static void on_frame(struct terminal *t, int opcode, const uint8_t *payload, size_t length) {
    int64_t epoch, seq;
    if (opcode == 9) { if (!send_masked(t->fd, 10, payload, length)) fail(t); return; }
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
    size_t done = 0, size;
    struct frame frame;
    while (t->state == OPEN && (size = read_frame(data + done, length - done, &frame))) {
        on_frame(t, frame.opcode, frame.payload, frame.length);
        done += size;
    }
    return done;
}

static void handshake(struct terminal *t) {
    char after[64] = "";
    if (t->known) snprintf(after, sizeof after, "?after=%ld-%ld", t->epoch, t->seq);
    if (send_request(t->fd, t->path, after, t->header)) t->state = HANDSHAKING;
    else fail(t);
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
        size_t kept = take(&t->rest, buffer);
        ssize_t got = recv(t->fd, buffer + kept, BUFFER, 0);
        if (got <= 0) {
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                keep(&t->rest, buffer, kept);
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
        keep(&t->rest, buffer + done, length - done);
        if (got < BUFFER) return;
    }
}

static void start(int index) {
    struct terminal *t = &terminals[index];
    t->fd = dial(index, t->port, 0);
    if (t->fd < 0) { failed++; t->due = now() + 0.2 + 0.8 * chance(); }
    else { t->state = CONNECTING; t->due = now() + PATIENCE; }
}

static void serve(int index, uint32_t events_of) {
    struct terminal *t = &terminals[index];
    if (t->state == CLOSED) return;
    if (t->state == CONNECTING) {
        if (connect_error(t->fd)) { fail(t); return; }
        if (events_of & EPOLLOUT) handshake(t);
    }
    if (t->state != CLOSED && events_of & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_data(t);
}

static void bring_in(void) {
    double moment = now();
    for (int i = 0; i < count; i++) {
        if (terminals[i].state == OPEN || terminals[i].due > moment) continue;
        if (terminals[i].state == CLOSED) start(i); else fail(&terminals[i]);
    }
}

static int ascending(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }

static void storm(int64_t seq, double seconds) {
    double *delays = malloc(count * sizeof *delays), last_look = 0;
    storm_began = now(); target = seq; caught = 0;
    uint64_t refused_before = refused, failed_before = failed;
    for (int i = 0; i < count; i++) {
        terminals[i].caught = -1;
        if (terminals[i].state == CLOSED) terminals[i].due = 0;
        note_progress(&terminals[i]);
    }
    while ((target == INT64_MAX ? opened : caught) < count && now() - storm_began < seconds) {
        if (now() - last_look > 0.005) { bring_in(); last_look = now(); }
        turn(5, serve);
    }
    double took = now() - storm_began;
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

static void add(char *port) {
    static int space;
    if (count == space) { space = space ? space * 2 : 1024; terminals = realloc(terminals, space * sizeof *terminals); }
    char *path = after_tab(port), *header = path ? after_tab(path) : NULL;
    if (!header) { fprintf(stderr, "a line without two tabs\n"); exit(2); }
    terminals[count++] = (struct terminal){ .fd = -1, .port = atoi(port), .path = path, .header = header, .seq = -1 };
}

int main(int argc, char **argv) {
    if (argc != 2) { fprintf(stderr, "usage: stormclient FILE\n"); return 2; }
    read_lines(argv[1], add);
    begin();
    run(serve, obey);
}
