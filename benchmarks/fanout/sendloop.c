/* The limit: accepts WebSockets, and for every line on stdin sends that line's frame to all of them in a plain loop.
 *
 *   sendloop PORT
 *
 * Prints "ready" when it listens. No log, no cursor, no metrics: what send() itself costs, and nothing else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"; /* of the one key that loadclient sends */
static int open_fds[200000], open_count;

static void forget(int fd) {
    for (int i = 0; i < open_count; i++) if (open_fds[i] == fd) { open_fds[i] = open_fds[--open_count]; break; }
    close(fd);
}

static void broadcast(const char *line, size_t length) {
    static char frame[65536 + 4];
    size_t header = 2;
    frame[0] = (char)0x81;
    if (length < 126) frame[1] = (char)length;
    else { frame[1] = 126; frame[2] = (char)(length >> 8); frame[3] = (char)(length & 255); header = 4; }
    memcpy(frame + header, line, length);
    for (int i = 0; i < open_count; i++) send(open_fds[i], frame, header + length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int main(int argc, char **argv) {
    if (argc != 2) { fprintf(stderr, "usage: sendloop PORT\n"); return 2; }
    struct rlimit limit; getrlimit(RLIMIT_NOFILE, &limit); limit.rlim_cur = limit.rlim_max; setrlimit(RLIMIT_NOFILE, &limit);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) { perror("listen"); return 1; }
    int poller = epoll_create1(0);
    struct epoll_event e = { .events = EPOLLIN, .data.fd = listener };
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    e.data.fd = 0;
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e);
    puts("ready"); fflush(stdout);
    static char input[1 << 17]; size_t have = 0;
    static struct epoll_event ready[1024];
    for (;;) {
        int n = epoll_wait(poller, ready, 1024, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int peer;
                while ((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    e.events = EPOLLIN; e.data.fd = peer;
                    epoll_ctl(poller, EPOLL_CTL_ADD, peer, &e);
                }
            } else if (fd == 0) {
                ssize_t got = read(0, input + have, sizeof input - have);
                if (got <= 0) return 0;
                have += got;
                char *end;
                while ((end = memchr(input, '\n', have))) {
                    broadcast(input, end - input);
                    have -= end + 1 - input;
                    memmove(input, end + 1, have);
                }
            } else {
                char request[4096];
                ssize_t got = recv(fd, request, sizeof request, 0);
                if (got <= 0) forget(fd);
                else if (!memcmp(request, "GET ", 4)) { send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL); open_fds[open_count++] = fd; }
            }
        }
    }
}
