// go build; TILL_URL=ws://… TILL_KEY=… ./tills gorilla|coder
//
// A till made with one library of Go. It prints what it hears, a JSON object a line, acks each event, comes back behind
// the last one when it was cut, and ends when it is refused. See ../README.md.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

// A connection, as both libraries have it.
type connection struct {
	read  func() ([]byte, error)
	write func([]byte) error
}

type dial func(url string, header http.Header) (*connection, *http.Response, error)

func withGorilla(url string, header http.Header) (*connection, *http.Response, error) {
	socket, answer, err := gorilla.DefaultDialer.Dial(url, header)
	if err != nil {
		return nil, answer, err
	}
	return &connection{
		read:  func() ([]byte, error) { _, text, err := socket.ReadMessage(); return text, err },
		write: func(text []byte) error { return socket.WriteMessage(gorilla.TextMessage, text) },
	}, answer, nil
}

func withCoder(url string, header http.Header) (*connection, *http.Response, error) {
	whole := context.Background()
	socket, answer, err := coder.Dial(whole, url, &coder.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, answer, err
	}
	return &connection{
		read:  func() ([]byte, error) { _, text, err := socket.Read(whole); return text, err },
		write: func(text []byte) error { return socket.Write(whole, coder.MessageText, text) },
	}, answer, nil
}

type message struct {
	Type   string          `json:"type"`
	Offset string          `json:"offset"`
	After  string          `json:"after"`
	Data   json.RawMessage `json:"data"`
}

func say(name string, value any) {
	line, _ := json.Marshal(map[string]any{name: value})
	fmt.Println(string(line))
}

func main() {
	open := map[string]dial{"gorilla": withGorilla, "coder": withCoder}[os.Args[1]]
	header := http.Header{"Authorization": {"Bearer " + os.Getenv("TILL_KEY")}}
	last := ""
	for ; ; time.Sleep(200 * time.Millisecond) {
		url := os.Getenv("TILL_URL")
		if last != "" {
			url += "?after=" + last
		}
		socket, answer, err := open(url, header)
		if err != nil {
			if answer != nil && answer.StatusCode >= 400 {
				say("refused", answer.StatusCode)
				return
			}
			continue
		}
		for {
			text, err := socket.read()
			if err != nil {
				break
			}
			var heard message
			if json.Unmarshal(text, &heard) != nil {
				panic("not JSON: " + string(text))
			}
			if heard.Type == "hello" {
				say("hello", heard.After)
			}
			if heard.Data != nil {
				last = heard.Offset
				say("event", last)
				if socket.write([]byte(`{"type":"ack","offset":"`+last+`"}`)) != nil {
					break
				}
			}
		}
	}
}
