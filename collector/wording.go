package collector

import (
	"picket/collector/config"
	"picket/collector/detect"
)

// runbook is where the file says to read what to do about an incident.
func runbook(file *config.File, i *detect.Incident) string {
	site := i.Kind == detect.KindSite || i.Kind == detect.KindNetwork
	return file.RunbookFor(i.Provider, i.Targets, i.Kind.ProviderSide(), site)
}
