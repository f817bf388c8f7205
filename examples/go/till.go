// A terminal in Go without an SDK: every event once and in order, over cuts, crashes and restarts.
//
//	cd examples/go && go build -o till . && cd -
//	BELLWIRE_URL=http://127.0.0.1:8080 BELLWIRE_TENANT=kitchen BELLWIRE_KEY=bw_term_… examples/go/till
//
// It prints an event on a line. Where it is stands in ./till.offset (TILL_OFFSET names another file): written when the
// event is handled, and acknowledged after that. The pauses and what each close code asks for: docs/write-a-terminal.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	firstPause, longestPause  = 2 * time.Second, 30 * time.Second
	longestSlot, longestAfter = 10 * time.Minute, 5 * time.Minute
	steady                    = 5 * time.Second
	helloTime, headTime       = 10 * time.Second, 3 * time.Second
	ackTime                   = 250 * time.Millisecond
	unset                     = time.Duration(-1)
)

type message struct {
	Type, Offset, After, Head, To, Reason string
	HeartbeatSeconds                      float64
	Data                                  *struct{ OrderNumber, CustomerName string }
}

// An end that is for good; the text is for a person.
type stopped struct{ why string }

func (s stopped) Error() string { return s.why }

// An end after which to come back: when the server says, or after a pause of our own.
type again struct {
	why              string
	slot, retryAfter time.Duration
	lived            time.Duration // unset: it never began
}

func (a again) Error() string { return a.why }

type till struct {
	file, offset string
	// In a row: of all kinds but those that said when to come back; of streams that began and died at once.
	failures, shortLives int
}

func (t *till) load() error {
	text, err := os.ReadFile(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		t.offset = "acked" // Behind this terminal's last ack, or from the beginning.
		return nil
	}
	t.offset = strings.TrimSpace(string(text))
	return err
}

// Whole or not at all, and on the disk.
func (t *till) store(offset string) error {
	file, err := os.OpenFile(t.file+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteString(offset); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	t.offset = offset
	return os.Rename(t.file+".new", t.file)
}

// Put your own work here: it is done before the offset is stored. A crash in between brings this event again.
func handle(event message) error {
	_, err := fmt.Println(event.Offset, event.Type, event.Data.OrderNumber, event.Data.CustomerName)
	return err
}

func (t *till) pause(end again) time.Duration {
	if end.lived >= steady {
		t.failures, t.shortLives = 0, 0
	} else if end.lived != unset {
		// A stream that began forgives what was refused before it; only streams that die at once let the pause grow.
		t.failures = t.shortLives
		t.shortLives++
	}
	if end.slot != unset {
		return min(end.slot, longestSlot)
	}
	jitter := rand.Float64()
	if end.retryAfter != unset {
		return min(end.retryAfter, longestAfter) + time.Duration(jitter*float64(firstPause))
	}
	ceiling := min(longestPause, firstPause<<min(t.failures, 10))
	t.failures++
	return time.Duration(jitter * float64(ceiling))
}

// One stream, from its handshake to its end.
func (t *till) stream(address, key string) error {
	whole, cancel := context.WithCancel(context.Background())
	defer cancel()
	shaking, stopShaking := context.WithTimeout(whole, helloTime)
	defer stopShaking()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	socket, answer, err := websocket.Dial(shaking, address+"?after="+url.QueryEscape(t.offset), &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: http.Header{"Authorization": {"Bearer " + key}},
	})
	if err != nil {
		return refusal(answer, err)
	}
	defer socket.CloseNow()
	socket.SetReadLimit(1 << 20)

	incoming, failed := make(chan message), make(chan error, 1)
	go func() {
		for {
			_, text, err := socket.Read(whole)
			var heard message
			if err == nil {
				err = json.Unmarshal(text, &heard)
			}
			if err != nil {
				failed <- err
				return
			}
			select {
			case incoming <- heard:
			case <-whole.Done():
				return
			}
		}
	}()

	began, patience, seen := time.Time{}, helloTime, ""
	lived := func() time.Duration {
		if began.IsZero() {
			return unset
		}
		return time.Since(began)
	}
	silence := time.After(patience)
	var behind, ack <-chan time.Time
	for {
		select {
		case err := <-failed:
			return ending(err, lived())
		case <-silence:
			return again{"silence", unset, unset, lived()}
		case <-behind:
			return again{"the head is not reached", unset, unset, lived()}
		case <-ack:
			ack = nil
			if err := acknowledge(whole, socket, t.offset); err != nil {
				return again{err.Error(), unset, unset, lived()}
			}
		case heard := <-incoming:
			switch {
			case heard.Type == "hello":
				began, seen = time.Now(), heard.After
				patience = time.Duration(heard.HeartbeatSeconds * 2.5 * float64(time.Second))
				if seen == t.offset {
					ack = time.After(0) // A crash may have come between the file and the ack.
				}
			case heard.Type == "heartbeat" && heard.Head == seen:
				behind = nil
			case heard.Type == "heartbeat" && behind == nil:
				behind = time.After(headTime) // The server has more than we got: under way, or the stream is broken.
			case heard.Type == "reset":
				// What lies before `to` cannot be had: GET …/orders has the orders that are open. Of reason `epoch`, drop
				// what you hold behind `to`.
				log.Printf("reset to %s: %s", heard.To, heard.Reason)
				seen = heard.To
				if err := t.store(seen); err != nil {
					return stopped{err.Error()}
				}
			case heard.Data != nil && heard.Offset != t.offset:
				behind, seen = nil, heard.Offset
				if err := handle(heard); err != nil {
					return stopped{err.Error()}
				}
				if err := t.store(seen); err != nil {
					return stopped{err.Error()}
				}
				if ack == nil {
					ack = time.After(ackTime) // One ack for all of a quarter of a second: it is cumulative.
				}
			} // All other types: of a later release, or of no use here.
			silence = time.After(patience)
		}
	}
}

func acknowledge(whole context.Context, socket *websocket.Conn, offset string) error {
	soon, done := context.WithTimeout(whole, helloTime)
	defer done()
	text, _ := json.Marshal(map[string]string{"type": "ack", "offset": offset})
	return socket.Write(soon, websocket.MessageText, text)
}

// What a handshake that failed asks for.
func refusal(answer *http.Response, err error) error {
	if answer == nil || answer.StatusCode < 300 {
		return again{err.Error(), unset, unset, unset}
	}
	why := fmt.Sprintf("refused %d", answer.StatusCode)
	switch answer.StatusCode {
	case 400, 401, 403, 404:
		// A proxy's own page is none of Bellwire's words.
		if strings.Contains(answer.Header.Get("Content-Type"), "problem+json") {
			return stopped{why}
		}
	}
	if seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16); err == nil {
		return again{why, unset, time.Duration(seconds) * time.Second, unset}
	}
	return again{why, unset, unset, unset}
}

var slot = regexp.MustCompile(`retry_ms=([0-9]{1,9})`)

// What a stream's end asks for.
func ending(err error, lived time.Duration) error {
	var closed websocket.CloseError
	if !errors.As(err, &closed) {
		return again{err.Error(), unset, unset, lived}
	}
	why := strings.TrimSpace(fmt.Sprintf("closed with %d %s", closed.Code, closed.Reason))
	switch {
	case closed.Code == 4401, closed.Code == 4403, closed.Code == 4404, closed.Code == 4400 && lived == unset:
		return stopped{why}
	case closed.Code == 4409:
		return stopped{why + ": another device uses this terminal's key; which of the two is meant?"}
	}
	if found := slot.FindStringSubmatch(closed.Reason); found != nil {
		milliseconds, _ := strconv.Atoi(found[1])
		return again{why, time.Duration(milliseconds) * time.Millisecond, unset, lived}
	}
	return again{why, unset, unset, lived}
}

func main() {
	file := os.Getenv("TILL_OFFSET")
	if file == "" {
		file = "till.offset"
	}
	till := &till{file: file}
	if err := till.load(); err != nil {
		log.Fatal(err)
	}
	base := strings.Replace(os.Getenv("BELLWIRE_URL"), "http", "ws", 1)
	address := base + "/ws/pos/" + url.PathEscape(os.Getenv("BELLWIRE_TENANT"))
	for {
		err := till.stream(address, os.Getenv("BELLWIRE_KEY"))
		var end again
		if !errors.As(err, &end) {
			log.Fatalf("stopped: %v", err)
		}
		pause := till.pause(end)
		log.Printf("%s; back in %v", end.why, pause.Round(time.Millisecond))
		time.Sleep(pause)
	}
}
