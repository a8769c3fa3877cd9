package collector

import (
	"testing"
	"time"

	"picket/collector/web"
)

func TestOnlyAgentsSinceTheTokenCount(t *testing.T) {
	made := time.Now()
	got := joinedSince([]web.Agent{
		{ID: "before", Site: "acme/madrid", Enrolled: made.Add(-time.Second)},
		{ID: "at once", Site: "acme/madrid", Enrolled: made},
		{ID: "later", Site: "acme/madrid", Enrolled: made.Add(time.Hour)},
		{ID: "revoked", Site: "acme/madrid", Enrolled: made.Add(time.Hour), Revoked: made.Add(2 * time.Hour)},
		{ID: "elsewhere", Site: "acme/lisbon", Enrolled: made.Add(time.Hour)},
	}, "acme/madrid", made)
	if len(got) != 2 || got[0].ID != "at once" || got[1].ID != "later" {
		t.Errorf("joined since: %+v", got)
	}
	if joinedSince(nil, "acme/madrid", made) == nil {
		t.Error("nobody is null")
	}
}
