// Package boards says what Picket's Grafana dashboards show: each file one board,
// each board one question.
//
//	overview  is anything broken right now, and whose fault is it?
//	client    what does a client experience?
//	target    why does a check fail?
//	fleet     can we trust our own eyes?
//	provider  how is a cloud doing by region and layer, and how honest is its status page?
//	dns       is it DNS?
//	sla       did a cloud keep its promise this month?
//	self      is the Picket server itself well?
//
// The JSON that is shipped is made from here and committed; `go generate
// ./dashboards` makes it anew, and a test says that it is the same. What every
// board must keep to, and why, is in the doc of picket/dashboards, whose tests
// hold it. The measurements are those of picket/collector/influx.
//
// look.go has the words and colours, asks.go the pieces of InfluxQL that several
// panels share, frame.go what stands around the panels.
package boards
