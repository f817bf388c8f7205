// A terminal in Java without an SDK: every event once and in order, over cuts, crashes and restarts. JDK 17 or later.
//
//     BELLWIRE_URL=http://127.0.0.1:8080 BELLWIRE_TENANT=kitchen BELLWIRE_KEY=bw_term_… java examples/java/Till.java
//
// It prints an event on a line. Where it is stands in ./till.offset (TILL_OFFSET names another file): written when the event
// is handled, and acknowledged after that. The pauses and what each close code asks for: docs/write-a-terminal.md.

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Till {
    private static final Pattern SLOT = Pattern.compile("retry_ms=([0-9]{1,9})");
    private static final Path FILE = Path.of(System.getenv().getOrDefault("TILL_OFFSET", "till.offset"));
    private static final long NONE = -1;

    /** The stream is over, and the till with it. */
    @SuppressWarnings("serial")
    private static class Stopped extends Exception {
        Stopped(String why) { super(why); }
    }

    /** The stream is over; come back in `slot` ms or `retryAfter` s where they were said, else after a pause of our own. */
    @SuppressWarnings("serial")
    private static class Again extends Exception {
        final long slot, retryAfter;
        Again(String why, long slot, long retryAfter) { super(why); this.slot = slot; this.retryAfter = retryAfter; }
        Again(String why) { this(why, NONE, NONE); }
    }

    /** What the network says: a text, a ping (neither), or an end. */
    private record Heard(String text, Integer code, String reason, Throwable error) { }

    private final HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
    private String offset;
    private long began = NONE;
    // In a row: of all kinds but those that said when to come back; of streams that began and died at once.
    private int failures = 0, shortLives = 0;

    public static void main(String[] arguments) throws Exception {
        Till till = new Till();
        // Without a file: behind this terminal's last ack, or from the beginning.
        till.offset = Files.exists(FILE) ? Files.readString(FILE).strip() : "acked";
        while (true) {
            try {
                till.stream();
            } catch (Stopped end) {
                System.err.println("stopped: " + end.getMessage());
                System.exit(1);
            } catch (Again end) {
                long pause = till.pause(end);
                System.err.println(end.getMessage() + "; back in " + pause + " ms");
                Thread.sleep(pause);
            }
        }
    }

    /** Put your own work here: it is done before the offset is stored. A crash in between brings this event again. */
    private static void handle(Map<String, String> event) {
        Map<String, String> data = members(event.get("data"));
        System.out.println(text(event, "offset") + " " + text(event, "type") + " "
                + text(data, "orderNumber") + " " + text(data, "customerName"));
    }

    /** Whole or not at all, and on the disk. */
    private void store(String next) throws IOException {
        Path fresh = FILE.resolveSibling(FILE.getFileName() + ".new");
        try (FileChannel file = FileChannel.open(fresh, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            file.write(ByteBuffer.wrap(next.getBytes(StandardCharsets.US_ASCII)));
            file.force(true);
        }
        Files.move(fresh, FILE, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        offset = next;
    }

    private long pause(Again end) {
        if (began != NONE) {
            // A stream that began forgives what was refused before it; only streams that die at once let the pause grow.
            boolean steady = now() - began >= 5_000;
            failures = steady ? 0 : shortLives;
            shortLives = steady ? 0 : shortLives + 1;
        }
        double chance = ThreadLocalRandom.current().nextDouble();
        if (end.slot != NONE) return Math.min(end.slot, 600_000);
        if (end.retryAfter != NONE) return Math.min(end.retryAfter, 300) * 1000 + (long) (chance * 2_000);
        return (long) (chance * Math.min(30_000, 2_000L << Math.min(failures++, 10)));
    }

    private static long now() {
        return System.nanoTime() / 1_000_000;
    }

    /** One stream, from its handshake to its end. */
    private void stream() throws Stopped, Again, InterruptedException, IOException {
        began = NONE;
        BlockingQueue<Heard> queue = new LinkedBlockingQueue<>();
        String base = System.getenv("BELLWIRE_URL").replaceFirst("^http", "ws");
        URI address = URI.create(base + "/ws/pos/" + System.getenv("BELLWIRE_TENANT") + "?after=" + offset);
        WebSocket socket;
        try {
            socket = client.newWebSocketBuilder().connectTimeout(Duration.ofSeconds(10))
                    .header("Authorization", "Bearer " + System.getenv("BELLWIRE_KEY"))
                    .buildAsync(address, new Ears(queue)).join();
        } catch (CompletionException failure) {
            throw refusal(failure.getCause());
        }
        try {
            hear(socket, queue);
        } finally {
            socket.abort();
        }
    }

    private void hear(WebSocket socket, BlockingQueue<Heard> queue)
            throws Stopped, Again, InterruptedException, IOException {
        long patience = 10_000, silentAt = now() + patience, behindAt = NONE, ackAt = NONE;
        String seen = null;
        while (true) {
            long due = silentAt;
            if (behindAt != NONE) due = Math.min(due, behindAt);
            if (ackAt != NONE) due = Math.min(due, ackAt);
            Heard heard = queue.poll(Math.max(0, due - now()), TimeUnit.MILLISECONDS);
            if (ackAt != NONE && now() >= ackAt) {
                ackAt = NONE;
                socket.sendText("{\"type\":\"ack\",\"offset\":\"" + offset + "\"}", true);
            }
            if (heard == null) {
                if (now() >= silentAt) throw new Again("silence");
                if (behindAt != NONE && now() >= behindAt) throw new Again("the head is not reached");
                continue;
            }
            silentAt = now() + patience;
            if (heard.error() != null) throw new Again(heard.error().toString());
            if (heard.code() != null) throw ending(heard.code(), heard.reason());
            // The next one is asked for when this one is done: a slow till is not filled up.
            socket.request(1);
            if (heard.text() == null) continue;
            Map<String, String> message = members(heard.text());
            String type = text(message, "type");
            if (type.equals("hello")) {
                began = now();
                patience = (long) (Double.parseDouble(message.get("heartbeatSeconds")) * 2_500);
                silentAt = now() + patience;
                seen = text(message, "after");
                if (seen.equals(offset)) ackAt = now(); // A crash may have come between the file and the ack.
            } else if (type.equals("heartbeat")) {
                // The server has more than we got: that is under way, or the stream is broken.
                if (text(message, "head").equals(seen)) behindAt = NONE;
                else if (behindAt == NONE) behindAt = now() + 3_000;
            } else if (type.equals("reset")) {
                // What lies before `to` cannot be had: GET …/orders has the orders that are open. Of reason `epoch`, drop
                // what you hold behind `to`.
                System.err.println("reset to " + text(message, "to") + ": " + text(message, "reason"));
                store(seen = text(message, "to"));
            } else if (message.containsKey("data")) {
                behindAt = NONE;
                seen = text(message, "offset");
                if (seen.equals(offset)) continue;
                handle(message);
                store(seen);
                if (ackAt == NONE) ackAt = now() + 250; // One ack for all of a quarter of a second: it is cumulative.
            } // All other types: of a later release, or of no use here.
        }
    }

    /** What a handshake that failed asks for. */
    private static Again refusal(Throwable failure) throws Stopped {
        if (!(failure instanceof WebSocketHandshakeException handshake)) return new Again(failure.toString());
        HttpResponse<?> answer = handshake.getResponse();
        int status = answer.statusCode();
        boolean ours = answer.headers().firstValue("Content-Type").orElse("").contains("problem+json");
        // A proxy's own page is none of Bellwire's words.
        if (ours && (status == 400 || status == 401 || status == 403 || status == 404)) throw new Stopped("refused " + status);
        String told = answer.headers().firstValue("Retry-After").orElse("");
        return new Again("refused " + status, NONE, told.matches("[0-9]{1,9}") ? Long.parseLong(told) : NONE);
    }

    /** What a close asks for. */
    private Again ending(int code, String reason) throws Stopped {
        String why = ("closed with " + code + " " + reason).strip();
        if (code == 4401 || code == 4403 || code == 4404 || (code == 4400 && began == NONE)) throw new Stopped(why);
        if (code == 4409) throw new Stopped(why + ": another device uses this terminal's key; which of the two is meant?");
        Matcher slot = SLOT.matcher(reason);
        return new Again(why, slot.find() ? Long.parseLong(slot.group(1)) : NONE, NONE);
    }

    /** Puts what comes into the queue, one at a time. */
    private record Ears(BlockingQueue<Heard> queue, StringBuilder parts) implements WebSocket.Listener {
        Ears(BlockingQueue<Heard> queue) { this(queue, new StringBuilder()); }

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean isLast) {
            parts.append(data);
            if (isLast) {
                queue.add(new Heard(parts.toString(), null, null, null));
                parts.setLength(0);
            } else {
                socket.request(1);
            }
            return null;
        }

        @Override
        public CompletionStage<?> onPing(WebSocket socket, ByteBuffer message) {
            queue.add(new Heard(null, null, null, null));
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            queue.add(new Heard(null, code, reason, null));
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            queue.add(new Heard(null, null, null, error));
        }
    }

    // The JDK has no JSON; where your project has a library for it, take that in the place of what follows.

    /** The members of an object of valid JSON, each as the JSON that it is. */
    private static Map<String, String> members(String json) {
        Map<String, String> found = new HashMap<>();
        String name = null;
        int depth = 0, from = 0;
        for (int at = 0; at < json.length(); at++) {
            char sign = json.charAt(at);
            if (sign == '"') {
                int begin = at++;
                while (json.charAt(at) != '"') at += json.charAt(at) == '\\' ? 2 : 1;
                if (depth == 1 && name == null) name = unquoted(json.substring(begin, at + 1));
            } else if (sign == '{' || sign == '[') {
                depth++;
            } else if (depth == 1 && sign == ':') {
                from = at + 1;
            } else if (sign == '}' || sign == ']' || (depth == 1 && sign == ',')) {
                if (depth == 1 && name != null) {
                    found.put(name, json.substring(from, at).strip());
                    name = null;
                }
                if (sign != ',') depth--;
            }
        }
        return found;
    }

    private static String text(Map<String, String> members, String name) {
        String value = members.get(name);
        return value == null || value.equals("null") ? "" : value.startsWith("\"") ? unquoted(value) : value;
    }

    private static String unquoted(String json) {
        StringBuilder text = new StringBuilder();
        for (int at = 1; at < json.length() - 1; at++) {
            char sign = json.charAt(at);
            if (sign != '\\') {
                text.append(sign);
                continue;
            }
            sign = json.charAt(++at);
            if (sign == 'u') {
                text.append((char) Integer.parseInt(json.substring(at + 1, at + 5), 16));
                at += 4;
            } else {
                int escape = "bfnrt".indexOf(sign);
                text.append(escape < 0 ? sign : "\b\f\n\r\t".charAt(escape));
            }
        }
        return text.toString();
    }
}
