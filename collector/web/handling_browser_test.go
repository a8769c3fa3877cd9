package web

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"picket/collector/access"
)

// TestHandlingInABrowser is a technician at night with a telephone: a link in an
// alert, the log-in, the button; then a silence with a look at what it would mute.
func TestHandlingInABrowser(t *testing.T) {
	m := man(t, handled(), access.Options{})
	m.s.handling = nil
	h := httptest.NewServer(m.h)
	defer h.Close()
	defer h.CloseClientConnections()
	b := openBrowser(t)
	fits := func(name string) {
		t.Helper()
		for _, width := range []int64{390, 1280} {
			b.do(chromedp.EmulateViewport(width, 900))
			b.until(10*time.Second, fmt.Sprintf("%s fits into %d px", name, width), // charts follow the window a moment later
				`document.readyState === "complete" && document.documentElement.scrollWidth <= document.documentElement.clientWidth`)
			b.shot("handling-" + name + map[int64]string{390: "-phone", 1280: ""}[width])
		}
		for _, line := range b.heard() {
			t.Errorf("%s: the console says: %s", name, line)
		}
	}
	b.open(h.URL+big+"/ack", 390, true)
	b.do(chromedp.SendKeys(`input[name="name"]`, "tim"), chromedp.SendKeys(`input[name="password"]`, password+"\r"))
	b.until(10*time.Second, "the log-in leads back to the link", `location.pathname.endsWith("/ack")`)
	fits("ack")
	b.do(chromedp.SendKeys(`#note`, "on it\r"))
	b.until(10*time.Second, "it leads to the incident", `location.hash === "#people"`)
	fits("incident")
	if strings.Join(m.s.did, " ") != "tim takes 01KGF3M8Q2 on it" {
		t.Errorf("did %q", m.s.did)
	}
	m.s.handling = handled().handling
	b.open(h.URL+big, 1280, false)
	fits("taken")
	b.do(chromedp.Click(`form[action$="/judge"] button[value="useful"]`))
	b.until(10*time.Second, "it is noted", `location.hash === "#people"`)

	b.open(h.URL+"/silences?incident=01KGF3M8Q2", 1280, false)
	fits("silences")
	b.do(chromedp.SendKeys(`#comment`, "storm"), chromedp.Click(`button[value="preview"]`))
	b.until(10*time.Second, "the preview is shown and the form kept", `location.pathname === "/silences" && !location.search && document.querySelector("#comment")?.value === "storm"`)
	b.do(chromedp.Click(`button[value="add"]`))
	b.until(10*time.Second, "the list is shown", `document.querySelector("#comment")?.value === ""`)
	if got := strings.Join(m.s.did[1:], ", "); got != "tim finds 01KGF3M8Q2 useful, tim silences provider=borealis region=north for 4h0m0s" {
		t.Errorf("did %s", got)
	}
}
