package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/alert"
	"picket/collector/alert/channel"
)

var both = []string{"ana@msp.example", "desk@msp.example"}

func desk() ways { return ways{"desk": channel.Mail{Recipients: both}} }

// post writes one letter about an incident to a route by mail and returns the
// outbox; the sender runs until the test ends.
func post(t *testing.T, server *channel.SMTP, log *slog.Logger) (*memory, *alert.Sender, alert.Letter) {
	t.Helper()
	way := desk()
	i := incident("01JA")
	letters, err := alert.NewPlanner(alert.PlannerOptions{Routes: way.routes()}).Plan(i.Opened, i)
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	box := &memory{}
	box.add(letters[0])
	s, _ := sender(way, server, box, log)
	run(t, s)
	return box, s, letters[0]
}

func again(t *testing.T, box *memory, s *alert.Sender, l alert.Letter) {
	t.Helper()
	if err := box.change(l.ID, func(e *entry) { e.Due, e.sent = time.Time{}, false }); err != nil {
		t.Fatal(err)
	}
	s.Notify()
}

func TestAMailArrives(t *testing.T) {
	for _, c := range []struct {
		security, auth string
		m              mood
	}{
		{channel.StartTLS, "PLAIN LOGIN", mood{auth: "PLAIN LOGIN"}},
		{channel.StartTLS, "LOGIN", mood{auth: "LOGIN"}},
		{"", "PLAIN", mood{auth: "PLAIN"}},
		{channel.TLS, "PLAIN", mood{auth: "PLAIN", tls: true, noTLS: true}},
		{channel.Plain, "PLAIN on loopback", mood{auth: "PLAIN", noTLS: true}},
	} {
		t.Run(c.security+" "+c.auth, func(t *testing.T) {
			server := serveMail(t, c.m)
			box, _, l := post(t, server.client(c.security), nil)
			m := server.wait(t)
			box.waitFor(t, func(e *entry) bool { return e.sent })
			if m.user != mailUser || m.secure != (c.security != channel.Plain) || !slices.Equal(m.to, both) || !strings.HasPrefix(m.from, "FROM:<picket@msp.example>") {
				t.Errorf("got %+v", m)
			}
			h, text, html := m.read(t)
			var message alert.Message
			if err := json.Unmarshal(l.Body, &message); err != nil {
				t.Fatal(err)
			}
			if strings.ReplaceAll(text, "\r\n", "\n") != message.Text || !strings.Contains(html, "Azure has an outage in westeurope") {
				t.Errorf("text:\n%s\nhtml:\n%s", text, html)
			}
			if h.Get("Subject") != "[DOWN] Azure has an outage in westeurope (01JA)" || h.Get("Auto-Submitted") != "auto-generated" || h.Get("X-Picket-Incident") != "01JA" {
				t.Errorf("header %v", h)
			}
			if to, err := netmail.ParseAddressList(h.Get("To")); err != nil || len(to) != 2 {
				t.Errorf("to %v, %v", to, err)
			}
		})
	}
}

// TestAPasswordIsNotSentInTheClear: a server that hides STARTTLS, or somebody
// on the way who does, gets neither password nor mail.
func TestAPasswordIsNotSentInTheClear(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN LOGIN", noTLS: true})
	box, _, _ := post(t, server.client(channel.StartTLS), nil)
	box.waitFor(t, func(e *entry) bool { return e.Attempts == 1 })
	if mails, _, logins := server.count(); mails > 0 || len(logins) > 0 || !strings.Contains(box.all[0].err, "no encryption") {
		t.Errorf("%d mails, logins %q, error %q", mails, logins, box.all[0].err)
	}
}

func TestACertificateOfSomebodyElseIsNotTrusted(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN"})
	other := server.client(channel.StartTLS)
	_, other.RootCAs = certificate(t)
	box, _, _ := post(t, other, nil)
	box.waitFor(t, func(e *entry) bool { return e.Attempts == 1 })
	if mails, _, logins := server.count(); mails > 0 || len(logins) > 0 || box.all[0].dead {
		t.Errorf("%d mails, logins %q", mails, logins)
	}
}

// TestWhatMailServersSay maps answers to what becomes of the letter.
func TestWhatMailServersSay(t *testing.T) {
	everybody := func(answer string) func(string, int) string { return func(string, int) string { return answer } }
	for _, c := range []struct {
		name     string
		m        mood
		password string
		definite bool
		text     string
	}{
		{"the mail is refused", mood{auth: "PLAIN", data: "554 5.7.1 it looks like spam"}, mailSecret, true, "554 5.7.1 it looks like spam"},
		{"the mail has to wait", mood{auth: "PLAIN", data: "451 4.3.0 try later"}, mailSecret, false, "451 4.3.0 try later"},
		{"the sender is refused", mood{auth: "PLAIN", mail: "550 5.7.60 not your address"}, mailSecret, true, "does not take mail from"},
		{"the sender has to wait", mood{auth: "PLAIN", mail: "450 4.1.8 who are you"}, mailSecret, false, "450"},
		{"nobody is known", mood{auth: "PLAIN", rcpt: everybody("550 5.1.1 no such user")}, mailSecret, true, "for nobody"},
		{"everybody is greylisted", mood{auth: "PLAIN", rcpt: everybody("450 4.2.0 greylisted")}, mailSecret, false, "greylisted"},
		{"the server is busy", mood{greeting: "421 4.3.2 too busy"}, mailSecret, false, "421"},
		{"the server wants nobody", mood{greeting: "554 no service"}, mailSecret, false, "554"},
		{"the password is wrong", mood{auth: "PLAIN"}, "wr0ng", false, "refuses the log-in (code 535)"},
		{"no way to log in is known", mood{auth: "GSSAPI"}, mailSecret, false, "neither PLAIN nor LOGIN"},
		{"it hangs up", mood{auth: "PLAIN", hangUp: true}, mailSecret, false, "EOF"},
		{"it talks without end", mood{chatter: true}, mailSecret, false, "talks too much"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := serveMail(t, c.m)
			client := server.client(channel.StartTLS)
			client.Password = func() ([]byte, error) { return []byte(c.password), nil }
			s, _ := sender(desk(), client, &memory{}, nil)
			err := s.Test(t.Context(), "desk")
			if err == nil || errors.Is(err, alert.ErrRefused) != c.definite || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
			if text := err.Error() + channel.Remedy(err); strings.Contains(text, c.password) || strings.Contains(text, "c0rrect") {
				t.Errorf("a secret was told: %s", text)
			}
			if mails, _, _ := server.count(); mails > 0 {
				t.Error("and yet the mail was taken")
			}
		})
	}
}

// TestOneWrongAddressDoesNotSilenceTheOthers: somebody has left the company.
func TestOneWrongAddressDoesNotSilenceTheOthers(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN", rcpt: func(addr string, _ int) string {
		if addr == both[0] {
			return "550 5.1.1 no such user"
		}
		return ""
	}})
	var log strings.Builder
	box, s, l := post(t, server.client(channel.StartTLS), slog.New(slog.NewTextHandler(&log, nil)))
	m := server.wait(t)
	box.waitFor(t, func(e *entry) bool { return e.sent })
	if !slices.Equal(m.to, both[1:]) || l.Route != "desk" {
		t.Errorf("went to %q", m.to)
	}
	err := s.Test(t.Context(), "desk")
	if err == nil || !strings.Contains(err.Error(), both[0]) || !strings.Contains(channel.Remedy(err), "the others have it") {
		t.Errorf("the test says %v (%s)", err, channel.Remedy(err))
	}
}

// TestWhoHasItDoesNotGetItAgain: one of two is greylisted at first.
func TestWhoHasItDoesNotGetItAgain(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN", rcpt: func(addr string, session int) string {
		if addr == both[1] && session == 1 {
			return "450 4.2.0 greylisted"
		}
		return ""
	}})
	box, s, l := post(t, server.client(channel.StartTLS), nil)
	first := server.wait(t)
	box.waitFor(t, func(e *entry) bool { return e.Attempts == 1 })
	again(t, box, s, l)
	second := server.wait(t)
	box.waitFor(t, func(e *entry) bool { return e.sent })
	if !slices.Equal(first.to, both[:1]) || !slices.Equal(second.to, both[1:]) {
		t.Errorf("first to %q, then to %q", first.to, second.to)
	}
	if first.raw != second.raw {
		t.Errorf("a retry is another mail:\n%s\n%s", first.raw, second.raw)
	}
}

// TestARefusedSenderIsNoDelivery: one of two has the mail, then the server takes
// no mail from us any more. That is no reason to call the other one told.
func TestARefusedSenderIsNoDelivery(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN",
		rcpt: func(addr string, session int) string {
			if addr == both[1] && session == 1 {
				return "450 4.2.0 greylisted"
			}
			return ""
		},
		mailIn: func(session int) string {
			if session == 2 {
				return "550 5.7.60 not your address"
			}
			return ""
		}})
	box, s, l := post(t, server.client(channel.StartTLS), nil)
	server.wait(t)
	box.waitFor(t, func(e *entry) bool { return e.Attempts == 1 })
	again(t, box, s, l)
	box.waitFor(t, func(e *entry) bool { return e.Attempts == 2 || e.sent })
	again(t, box, s, l)
	if m := server.wait(t); !slices.Equal(m.to, both[1:]) {
		t.Errorf("went to %q", m.to)
	}
	box.waitFor(t, func(e *entry) bool { return e.sent })
}

// TestAMailIsTheSameOnEveryTry: a crash between the server's yes and our note of
// it delivers twice, and a mailbox tells by the Message-ID.
func TestAMailIsTheSameOnEveryTry(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN"})
	box, s, l := post(t, server.client(channel.StartTLS), nil)
	first := server.wait(t)
	box.waitFor(t, func(e *entry) bool { return e.sent })
	again(t, box, s, l)
	if second := server.wait(t); second.raw != first.raw {
		t.Errorf("%s\n%s", first.raw, second.raw)
	}
	if h, _, _ := first.read(t); h.Get("Message-Id") != "<picket.01JA.desk.1@msp.example>" {
		t.Errorf("id %q", h.Get("Message-Id"))
	}
}

// TestAServerThatHangsIsLeftWhenWeStop: the end of the collector does not wait
// for a mail server.
func TestAServerThatHangsIsLeftWhenWeStop(t *testing.T) {
	server := serveMail(t, mood{silent: true})
	s, _ := sender(desk(), server.client(channel.StartTLS), &memory{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if err := s.Test(ctx, "desk"); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Test(ctx, "desk"); err == nil || !strings.Contains(channel.Remedy(err), "firewall") {
		t.Errorf("too slow: %v, remedy %q", err, channel.Remedy(err))
	}
}

func TestATestCannotBeTakenForAnAlert(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN"})
	hook := listen(t, nil)
	s, _ := sender(ways{"desk": channel.Mail{Recipients: both}, "page": page(hook.URL)["page"]}, server.client(channel.StartTLS), &memory{}, nil)
	for _, route := range []string{"desk", "page"} {
		if err := s.Test(t.Context(), route); err != nil {
			t.Errorf("%s: %v", route, err)
		}
	}
	h, text, html := server.wait(t).read(t)
	if !strings.HasPrefix(h.Get("Subject"), "[TEST] ") || !strings.Contains(text, "nothing has happened") || !strings.Contains(html, ">TEST<") || h.Get("X-Picket-Event") != "test" {
		t.Errorf("%v\n%s\n%s", h, text, html)
	}
	if m := hook.wait(t); m.Event != alert.Tested || !strings.HasPrefix(m.AlertID, "TEST-") || m.State != "" {
		t.Errorf("webhook: %+v", m)
	}
	if err := s.Test(t.Context(), "nobody"); !errors.Is(err, alert.ErrNoRoute) {
		t.Errorf("got %v", err)
	}
}

func TestNewRoutesCountWhileTheSenderWorks(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN"})
	hook := listen(t, nil)
	box := &memory{}
	s, d := sender(page("http://127.0.0.1:1/gone"), nil, box, nil)
	run(t, s)
	use := func(w ways) { d.Use(w, server.client(channel.StartTLS)); s.SetRoutes(w.routes()) }
	// The route gets another way, and another one appears.
	use(ways{"page": page(hook.URL)["page"], "desk": channel.Mail{Recipients: both}})
	body := func(route string) alert.Letter {
		b, _ := json.Marshal(alert.Message{Schema: alert.Schema, AlertID: "x", Route: route, Sequence: 1, SentAs: "x." + route + ".1", Title: "t"})
		return alert.Letter{ID: "x." + route + ".1", Incident: "x", Route: route, Body: b, Created: time.Now()}
	}
	box.add(body("page"))
	box.add(body("desk"))
	s.Notify()
	hook.wait(t)
	server.wait(t)
	box.waitFor(t, func(*entry) bool { return box.all[0].sent && box.all[1].sent })
	// Then it goes, and what waits for it is buried, not kept for ever.
	hook.mu.Lock()
	hook.fail = func(int) int { return 503 }
	hook.mu.Unlock()
	late := body("page")
	late.ID = "y.page.1"
	box.add(late)
	s.Notify()
	box.waitFor(t, func(*entry) bool { return box.all[2].Attempts > 0 })
	use(desk())
	box.waitFor(t, func(*entry) bool { return box.all[2].dead })
	if !strings.Contains(box.all[2].err, "no longer configured") {
		t.Errorf("got %q", box.all[2].err)
	}
}
