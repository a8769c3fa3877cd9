package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"picket/collector/detect"
)

// scrapeTimeout bounds what one scrape asks of the source.
const scrapeTimeout = 5 * time.Second

// exporter turns what the source says into metrics at each scrape. It keeps
// nothing, so that metrics and page can never disagree.
type exporter struct {
	source Source
	now    func() time.Time

	up, ready, frozen, rounds, sites, isps, agents, targets, incidents *prometheus.Desc
	letters, failing, took                                             *prometheus.Desc
	results, lost, alerts, influx, points, started, config             *prometheus.Desc
}

// newRegistry makes a registry of our own: the global one belongs to whoever links us.
func newRegistry(source Source, now func() time.Time) (*prometheus.Registry, error) {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("picket_"+name, help, labels, nil)
	}
	e := &exporter{source: source, now: now,
		up:        d("collector_answers", "1 if the collector's own figures could be read at this scrape."),
		started:   d("collector_start_time_seconds", "Unix time at which the collector started.", "version"),
		config:    d("config_id", "Id of the applied configuration."),
		ready:     d("ready", "1 if nothing keeps the collector from its work (/readyz)."),
		frozen:    d("frozen", "1 while new confirmed incidents are frozen because the fleet itself is in trouble."),
		rounds:    d("rounds_open", "Rounds of confirmation that are open."),
		sites:     d("sites", "Sites by whether they may vote now.", "voting"),
		isps:      d("isps", "Internet providers of the sites that may vote."),
		agents:    d("agents", "Enrolled agents, by whether they have a session.", "connected"),
		targets:   d("targets", "Targets by the state of their verdict.", "state"),
		incidents: d("incidents_open", "Open incidents by kind and confidence.", "kind", "confidence"),
		results:   d("results_total", "Distinct results taken."),
		lost:      d("results_lost_total", "Results that never came, by reason.", "reason"),
		alerts:    d("alert_letters", "Alert letters by what became of them.", "state"),
		letters:   d("route_letters", "Alert letters of each route by what became of them.", "route", "state"),
		failing:   d("route_failing", "1 if the alert route has delivered nothing for long.", "route"),
		took:      d("route_latency_seconds", "Time from the decision to the receipt of alert letters, by route.", "route"),
		influx:    d("influx_up", "1 if the last write to InfluxDB was acknowledged."),
		points:    d("influx_points_total", "Points handed to InfluxDB, by what became of them.", "result"),
	}
	r := prometheus.NewRegistry()
	return r, errors.Join(r.Register(e), r.Register(collectors.NewGoCollector()),
		r.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
}

func metricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 2 * scrapeTimeout})
}

// Describe implements prometheus.Collector.
func (e *exporter) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{e.up, e.started, e.config, e.ready, e.frozen, e.rounds, e.sites, e.isps, e.agents, e.targets,
		e.incidents, e.results, e.lost, e.alerts, e.letters, e.failing, e.took, e.influx, e.points} {
		c <- d
	}
}

// Collect implements prometheus.Collector.
func (e *exporter) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	snapshotMetrics(e, e.source.Snapshot(), gauge)
	gauge(e.ready, float64(btoi(len(e.source.Unready(ctx)) == 0)))
	st, err := e.source.Status(ctx)
	gauge(e.up, float64(btoi(err == nil)))
	if err != nil {
		return // what is not known is left out, never 0
	}
	gauge(e.started, float64(st.Started.UnixMilli())/1000, st.Version)
	gauge(e.config, float64(st.Config))
	gauge(e.agents, float64(st.Connected), "yes")
	gauge(e.agents, float64(st.Agents-st.Connected), "no")
	counter(e.results, st.Results)
	for reason, n := range st.Lost {
		counter(e.lost, n, reason)
	}
	gauge(e.alerts, float64(st.Alerts.Waiting), "waiting")
	gauge(e.alerts, float64(st.Alerts.Sent), "sent")
	gauge(e.alerts, float64(st.Alerts.Dead), "given_up")
	gauge(e.alerts, float64(st.Alerts.Recorded), "recorded")
	for _, r := range st.Alerts.ByRoute { // at most as many as the configuration has
		gauge(e.letters, float64(r.Sent), r.Name, "sent")
		gauge(e.letters, float64(r.Waiting), r.Name, "waiting")
		gauge(e.letters, float64(r.Dead), r.Name, "given_up")
		gauge(e.failing, float64(btoi(!r.Failing.IsZero())), r.Name)
		if r.Took.UpTo != nil {
			c <- prometheus.MustNewConstHistogram(e.took, r.Took.Count, r.Took.Sum, r.Took.UpTo, r.Name)
		}
	}
	if st.Influx != nil {
		gauge(e.influx, float64(btoi(st.Influx.OK)))
		counter(e.points, st.Influx.Points, "acknowledged")
		counter(e.points, st.Influx.Rejected, "rejected")
	}
}

// snapshotMetrics counts what the engine sees.
func snapshotMetrics(e *exporter, s detect.Snapshot, gauge func(*prometheus.Desc, float64, ...string)) {
	gauge(e.frozen, float64(btoi(s.Frozen)))
	gauge(e.rounds, float64(s.Rounds))
	sites, isps := voters(s.Sites)
	gauge(e.sites, float64(sites), "yes")
	gauge(e.sites, float64(len(s.Sites)-sites), "no")
	gauge(e.isps, float64(isps))
	states := map[detect.VerdictState]int{}
	for _, v := range s.Verdicts {
		states[v.State]++
	}
	for state := detect.NoData; state <= detect.Down; state++ {
		gauge(e.targets, float64(states[state]), state.String())
	}
	open := map[[2]string]int{}
	for _, i := range s.Open {
		open[[2]string{string(i.Kind), string(i.Confidence)}]++
	}
	for key, n := range open {
		gauge(e.incidents, float64(n), key[0], key[1])
	}
}
