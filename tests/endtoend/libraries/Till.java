// TILL_URL=ws://… TILL_KEY=… java Till.java
//
// A till made with Java's own WebSocket. It prints what it hears, a JSON object a line, acks each event, comes back behind
// the last one when it was cut, and ends when it is refused. See README.md.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Till implements WebSocket.Listener {
    private static final Pattern OFFSET = Pattern.compile("\"offset\":\"([0-9]+-[0-9]+)\"");
    private static final Pattern AFTER = Pattern.compile("\"after\":\"([0-9]+-[0-9]+)\"");
    private static volatile String last = null;

    private final CompletableFuture<Void> over = new CompletableFuture<>();
    private final StringBuilder parts = new StringBuilder();

    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (;; Thread.sleep(200)) {
            Till till = new Till();
            String url = System.getenv("TILL_URL") + (last == null ? "" : "?after=" + last);
            try {
                client.newWebSocketBuilder()
                        .header("Authorization", "Bearer " + System.getenv("TILL_KEY"))
                        .buildAsync(URI.create(url), till).join();
            } catch (CompletionException failure) {
                if (failure.getCause() instanceof WebSocketHandshakeException refused) {
                    int status = refused.getResponse().statusCode();
                    if (status >= 400) {
                        System.out.println("{\"refused\":" + status + "}");
                        System.exit(0);
                    }
                }
                continue;
            }
            till.over.join();
        }
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean isLast) {
        parts.append(data);
        if (isLast) {
            hear(socket, parts.toString());
            parts.setLength(0);
        }
        socket.request(1);
        return null;
    }

    private void hear(WebSocket socket, String text) {
        if (text.startsWith("{\"type\":\"hello\"")) {
            System.out.println("{\"hello\":\"" + found(AFTER, text) + "\"}");
        }
        if (text.contains("\"data\":")) {
            last = found(OFFSET, text);
            System.out.println("{\"event\":\"" + last + "\"}");
            socket.sendText("{\"type\":\"ack\",\"offset\":\"" + last + "\"}", true);
        }
    }

    private static String found(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        if (!matcher.find()) throw new IllegalStateException(text);
        return matcher.group(1);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        over.complete(null);
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
        over.complete(null);
    }
}
