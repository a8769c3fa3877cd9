package channel_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"picket/collector/alert/channel"
	"picket/collector/detect"
	"picket/collector/store"
)

// hit makes sites of these clients fail, or none.
func (l *life) hit(clients ...string) {
	l.i.Evidence = nil
	for _, c := range clients {
		l.i.Evidence = append(l.i.Evidence, detect.Evidence{Site: c + "/hq", Client: c, Network: "AS1 One", Target: "t", Answer: "down", Last: l.i.Started})
	}
}

// TestEachClientHasItsTicket from when it is hit to the end of all, and a desk
// that fails for one does not hear twice of the other.
func TestEachClientHasItsTicket(t *testing.T) {
	var took []string
	refuse := ""
	desk := build(t, func(r *http.Request, body []byte) int {
		var k struct {
			Name   string `json:"alert_name"`
			ID     string `json:"alert_id"`
			Action string `json:"action"`
			Client string `json:"client"`
		}
		if err := json.Unmarshal(body, &k); err != nil || channel.Verify(secret, r.Header, body, time.Now(), time.Minute) != nil {
			t.Errorf("%v: %s", err, body)
		}
		if refuse != "" && k.Client == refuse {
			refuse = ""
			return http.StatusServiceUnavailable
		}
		took = append(took, k.Action+" "+k.ID)
		if k.Name != "azure-westeurope" {
			t.Errorf("the ticket is called %q", k.Name)
		}
		return http.StatusOK
	})
	l := live(t, channel.Ticket{URL: desk.url(), Secret: withSecret, PerClient: true}, nil)
	step := func(want ...string) {
		t.Helper()
		l.settle()
		slices.Sort(took)
		for k := range want {
			want[k] = strings.Replace(want[k], "#", "01KGF3M8Q2/", 1)
		}
		if !slices.Equal(took, want) {
			t.Errorf("got %q, want %q", took, want)
		}
		took = nil
	}
	l.hit("acme")
	l.opened()
	step("open #acme")
	l.hit("acme", "globex")
	refuse = "globex"
	l.i.Title = "Azure westeurope and more" // another name does not make another ticket
	l.i.Region = "northeurope"
	l.updated()
	step("open #globex", "update #acme")
	l.hit()
	l.crash()
	l.resolved()
	step("close #acme", "close #globex")
}

// TestATicketIsReopened under its key when the trouble is back.
func TestATicketIsReopened(t *testing.T) {
	var took []string
	desk := build(t, func(_ *http.Request, body []byte) int {
		var k struct {
			ID       string `json:"alert_id"`
			Action   string `json:"action"`
			Priority string `json:"priority"`
		}
		if err := json.Unmarshal(body, &k); err != nil {
			t.Error(err)
		}
		took = append(took, k.Action+" "+k.ID+" "+k.Priority)
		return http.StatusOK
	})
	l := live(t, channel.Ticket{URL: desk.url(), Secret: withSecret}, nil)
	l.opened()
	l.settle()
	l.resolved()
	l.settle()
	l.i.State, l.i.Again, l.i.Reopened = detect.Confirmed, 1, l.i.Started.Add(115*time.Minute)
	l.tell(116 * time.Minute)
	l.settle()
	if want := []string{"open 01KGF3M8Q2 P2", "close 01KGF3M8Q2 P2", "reopen 01KGF3M8Q2 P2"}; !slices.Equal(took, want) {
		t.Errorf("got %q", took)
	}
}

// TestADeskThatReadsMailHearsOfTheBeginningAndTheEnd and of nothing between: it
// would make a ticket of it.
func TestADeskThatReadsMailHearsOfTheBeginningAndTheEnd(t *testing.T) {
	server := serveMail(t, mood{auth: "PLAIN"})
	l := live(t, channel.Ticket{Mail: []string{"tickets@psa.example"}}, server.client(channel.StartTLS))
	l.opened()
	l.settle()
	l.updated()
	l.settle()
	l.resolved()
	l.settle()
	for _, want := range []string{
		"[OPEN] Azure has an outage in westeurope (azure-westeurope, 01KGF3M8Q2)",
		"[RESOLVED] Azure has an outage in westeurope (azure-westeurope, 01KGF3M8Q2)",
	} {
		if h, _, _ := server.wait(t).read(t); h.Get("Subject") != want {
			t.Errorf("got %q, want %q", h.Get("Subject"), want)
		}
	}
	if mails, _, _ := server.count(); mails != 2 {
		t.Errorf("%d mails", mails)
	}
}

// TestATicketThatIsRefusedKeepsTheOthersFromNothing: the desk does not know one
// client, and is away for a moment for another.
func TestATicketThatIsRefusedKeepsTheOthersFromNothing(t *testing.T) {
	tried := map[string]int{}
	desk := build(t, func(_ *http.Request, body []byte) int {
		var k struct {
			Client string `json:"client"`
		}
		if err := json.Unmarshal(body, &k); err != nil {
			t.Error(err)
		}
		tried[k.Client]++
		switch {
		case k.Client == "unknown":
			return http.StatusBadRequest
		case k.Client == "slow" && tried["slow"] == 1:
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	l := live(t, channel.Ticket{URL: desk.url(), Secret: withSecret, PerClient: true}, nil)
	l.hit("acme", "slow", "unknown")
	l.opened()
	l.settle()
	told, err := l.box.Messages(t.Context(), l.i.ID)
	if err != nil || len(told) != 1 || told[0].State != store.MessageSent {
		t.Errorf("%+v, %v", told, err)
	}
	if tried["acme"] != 1 || tried["slow"] != 2 || tried["unknown"] != 2 {
		t.Errorf("tried %v", tried)
	}
}
