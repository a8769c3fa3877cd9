package alert_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"picket/collector/alert"
	"picket/collector/detect"
)

func aDrill(i *detect.Incident) { i.Drill = true }

// begin has n unrelated targets fail now.
func (h *house) begin(n int, prefix string, change ...func(*detect.Incident)) (all []detect.Incident) {
	apart := func(i *detect.Incident) { i.Provider, i.Region = "", "" }
	for k := range n {
		all = append(all, fresh(fmt.Sprintf("%s%02d", prefix, k), append([]func(*detect.Incident){aTarget, apart}, change...)...))
		h.now(all[k])
	}
	return all
}

func likely(i *detect.Incident) { i.State, i.Confidence = detect.Probable, detect.ConfidenceProbable }

// TestADrillSilencesNothing: twenty drills are told one by one and hold back
// nothing real; nor does a real storm hold back a drill.
func TestADrillSilencesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, route(alert.ClassPage))
		defer h.end()
		h.begin(20, "01JD", aDrill)
		h.begin(10, "01JR")
		h.until(time.Minute)
		h.wants("page", slices.Repeat([]string{"0s opened opened"}, 30)...)
		h.begin(2, "01JS")
		h.until(2 * time.Minute)
		h.wants("page", "1m10s opened storm")
		h.begin(1, "01JE", aDrill)
		h.until(3 * time.Minute)
		h.wants("page", "2m0s opened opened")
	})
}

// TestAStormStillCallsTheNext: the chat has one letter for what began eleventh and
// later, and nobody takes any of it on. A restart in between changes nothing.
func TestAStormStillCallsTheNext(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			chat := route(alert.ClassChat)
			chat.Escalate = alert.Escalation{After: 5 * time.Minute, To: "page"}
			page := route(alert.ClassPage)
			page.OnlyEscalation = true
			routes := []alert.Route{page, chat}
			h := newHouse(t, routes...)
			defer h.end()
			all := h.begin(9, "01JA", likely)
			h.until(time.Minute)
			h.wants("chat", slices.Repeat([]string{"30s opened opened"}, 9)...)
			for _, i := range all { // so that the page is called for what the letter holds alone
				h.now(done(i))
			}
			all = h.begin(3, "01JB", likely)
			h.until(2 * time.Minute)
			h.wants("chat", "1m30s opened opened", "1m40s opened storm")
			late := h.begin(1, "01JC", likely)
			h.until(3 * time.Minute)
			if restart {
				h.restart(append(all, late...), routes...)
			}
			h.until(9 * time.Minute)
			h.wants("page", "6m30s opened escalated", "6m40s opened escalated", "6m40s opened escalated", "7m30s opened escalated")
		})
	}
}

// restart is a new planner that knows what the store knows.
func (h *house) restart(all []detect.Incident, routes ...alert.Route) {
	h.p = alert.NewPlanner(alert.PlannerOptions{Routes: routes, Beside: func(*detect.Incident) alert.Beside { return h.beside }})
	lately, err := h.box.Since(h.t.Context(), h.start, "")
	if err != nil {
		h.t.Fatal(err)
	}
	bodies := map[string][][]byte{}
	for _, m := range lately {
		bodies[m.Incident] = append(bodies[m.Incident], m.Body)
		if err := h.p.Recall(m.Body); err != nil {
			h.t.Error(err)
		}
	}
	for _, i := range all {
		if err := h.p.Restore(i, bodies[i.ID]); err != nil {
			h.t.Error(err)
		}
	}
}

// TestAStormNamesWhatIsUrgent: what begins after the letter is named ten seconds
// later if it is urgent, and not twice in five minutes; the letter holds for no
// longer than it said.
func TestAStormNamesWhatIsUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, route(alert.ClassPage))
		defer h.end()
		h.begin(30, "01JT", likely)
		h.until(time.Minute)
		h.wants("page", append(slices.Repeat([]string{"0s opened opened"}, 10), "10s opened storm")...)
		h.begin(1, "01JL", likely)
		h.until(2 * time.Minute)
		h.wants("page")
		h.begin(1, "01JX")
		h.until(3 * time.Minute)
		h.wants("page", "2m10s updated storm")
		if text := h.texts[len(h.texts)-1]; !strings.Contains(text, "(01JX00)") || !strings.Contains(text, "22 incidents held back until 00:15") {
			t.Errorf("the letter says\n%s", text)
		}
		blip := h.begin(1, "01JY")
		h.until(4 * time.Minute)
		h.now(done(blip[0]))
		h.until(8 * time.Minute)
		h.wants("page") // it was over by then
		h.begin(1, "01JZ")
		h.until(9 * time.Minute)
		h.begin(1, "01JQ")
		h.until(16 * time.Minute)
		h.wants("page", "8m10s updated storm", "13m10s updated storm", "15m10s updated storm")
	})
}

// TestAFullLetterMakesRoomForWhatIsWorse: fifty are named; one more of the same is
// no reason for a letter, one that is worse is.
func TestAFullLetterMakesRoomForWhatIsWorse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, route(alert.ClassPage))
		defer h.end()
		h.begin(70, "01JT", likely)
		h.until(time.Minute)
		h.wants("page", append(slices.Repeat([]string{"0s opened opened"}, 10), "10s opened storm")...)
		h.begin(1, "01JU", likely)
		h.until(2 * time.Minute)
		h.wants("page")
		h.begin(70, "01JV")
		h.until(3 * time.Minute)
		h.wants("page", "2m10s updated storm")
		h.begin(1, "01JW")
		h.until(14 * time.Minute)
		h.wants("page")
	})
}

// TestEndsAreNoStorm: ten incidents end within five minutes, and the next one is
// told at once.
func TestEndsAreNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, route(alert.ClassPage))
		defer h.end()
		all := h.begin(10, "01JT")
		h.until(6 * time.Minute)
		for _, i := range all {
			h.now(done(i))
		}
		h.until(11 * time.Minute)
		h.begin(3, "01JU")
		h.until(12 * time.Minute)
		want := append(slices.Repeat([]string{"0s opened opened"}, 10), slices.Repeat([]string{"11m0s resolved resolved"}, 10)...)
		h.wants("page", append(want, slices.Repeat([]string{"11m0s opened opened"}, 3)...)...)
	})
}

// TestAStormEndsWhenNothingWaits: what it held back is over, whatever else ended
// just then.
func TestAStormEndsWhenNothingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, route(alert.ClassPage))
		defer h.end()
		all := h.begin(12, "01JT")
		h.until(9 * time.Minute)
		for _, i := range all {
			h.now(done(i))
		}
		h.until(time.Hour)
		want := append(slices.Repeat([]string{"0s opened opened"}, 10), "10s opened storm")
		want = append(want, slices.Repeat([]string{"14m0s resolved resolved"}, 10)...)
		h.wants("page", append(want, "15m10s resolved storm")...)
	})
}
