package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
)

// targets is the order to a copy of this test binary to play the outside world
// in a network namespace: web servers, and the webhook that receives alerts.
type targets struct {
	Listen  []string // host:port of servers that answer 200 to everything
	Webhook string   // host:port; "" for none
	Secret  string   // the webhook's
	Alerts  string   // file to which accepted alerts are appended, one JSON line each
	Inspect string   // host:port of a box that ends TLS; "" for none
	Late    string   // host:port of a collector whose clock is ahead; "" for none
	Newer   string   // host:port of a collector with a newer protocol; "" for none
	CA      string   // the folder of their authority
	Refuse  string   // host:port of a DNS server that refuses; "" for none
}

// serveTargets obeys the order until its standard input ends.
func serveTargets(order string) int {
	var o targets
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		fmt.Fprintln(os.Stderr, "read order:", err)
		return 2
	}
	if err := o.serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("serving")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func (o targets) serve() error {
	healthy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "healthy\n") })
	var errs []error
	for _, addr := range o.Listen {
		errs = append(errs, serveAt(addr, healthy))
	}
	if o.Webhook != "" {
		errs = append(errs, serveAt(o.Webhook, &webhook{order: o}))
	}
	if o.Inspect != "" {
		errs = append(errs, inspectAt(o.Inspect))
	}
	if o.Late != "" {
		errs = append(errs, lateAt(o.Late, o.CA))
	}
	if o.Newer != "" {
		errs = append(errs, newerAt(o.Newer, o.CA))
	}
	if o.Refuse != "" {
		errs = append(errs, refuseAt(o.Refuse))
	}
	return errors.Join(errs...)
}

func serveAt(addr string, h http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	go http.Serve(l, h) // ends with the process
	return nil
}

// webhook accepts alerts whose signature is right and keeps each key once, as
// the idempotency key asks of receivers.
type webhook struct {
	order targets

	mu   sync.Mutex // guards seen and the file
	seen map[string]bool
}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = channel.Verify([]byte(h.order.Secret), r.Header, body, time.Now(), time.Minute)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	if h.seen[key] {
		return
	}
	f, err := os.OpenFile(h.order.Alerts, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	fmt.Fprintln(f, string(body))
	if h.seen == nil {
		h.seen = map[string]bool{}
	}
	h.seen[key] = true
}

// readAlerts reads what a webhook accepted.
func readAlerts(path string) ([]alert.Message, error) {
	src, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []alert.Message
	for line := range strings.Lines(string(src)) {
		var m alert.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			return nil, fmt.Errorf("read alert %q: %w", line, err)
		}
		all = append(all, m)
	}
	return all, nil
}
