/* Send one buffer to many sockets: what gateway/fanout/send_all.py does in Python where there is no compiler.
 *
 * Built by hatch_build.py into gateway/fanout/libfanout.so and called through ctypes, so it needs no header of Python's. Never
 * blocks, never raises a signal. Returns how many sockets took less than everything: `places` has which of them, `sent`
 * how much, 0 for one that is full or broken.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

int bellwire_fanout(const int *descriptors, int count, const char *data, size_t length, int *places, size_t *sent)
{
    int shorts = 0;
    for (int place = 0; place < count; place++) {
        ssize_t took;
        do
            took = send(descriptors[place], data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (took < 0 && errno == EINTR);
        if (took == (ssize_t)length)
            continue;
        places[shorts] = place;
        sent[shorts++] = took < 0 ? 0 : (size_t)took;
    }
    return shorts;
}
