package simulate

import (
	"picket/collector/detect"
)

// maintain tells the engine of the work that the scenario's maintenance faults
// plan: one window for each combination of what they name.
func (w *world) maintain() {
	var all []detect.Maintenance
	for i := range w.faults {
		f := &w.faults[i]
		if f.How.Name != Maintenance {
			continue
		}
		m := []detect.Maintenance{{From: w.time(f.from), To: w.time(min(f.to, w.end))}}
		spread := func(values []string, set func(*detect.Maintenance, string)) {
			if len(values) == 0 {
				return
			}
			var out []detect.Maintenance
			for _, one := range m {
				for _, v := range values {
					set(&one, v)
					out = append(out, one)
				}
			}
			m = out
		}
		spread(f.What.Providers, func(m *detect.Maintenance, v string) { m.Provider = v })
		spread(f.What.Services, func(m *detect.Maintenance, v string) { m.Service = v })
		spread(f.What.Regions, func(m *detect.Maintenance, v string) { m.Region = v })
		spread(f.What.Targets, func(m *detect.Maintenance, v string) { m.Target = v })
		spread(f.Who.Clients, func(m *detect.Maintenance, v string) { m.Client = v })
		spread(f.Who.Sites, func(m *detect.Maintenance, v string) { m.Site = v })
		all = append(all, m...)
	}
	if len(all) > 0 {
		w.engine.SetMaintenance(w.time(w.now), all)
	}
}
