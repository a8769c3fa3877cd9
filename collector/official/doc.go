// Package official reads what the providers say of themselves: their public
// status feeds. It is shown beside our verdict, with how far the one was ahead of
// the other, and recorded, because nobody can read last month's status page.
//
// # What it is for, and what not
//
// A provider's word never enters detection: it is late, sometimes by hours, and
// comes from the very machines that may be down. It is evidence for people. So
// this package imports nothing of ours, nothing that judges imports it, and a
// feed that hangs costs one goroutine its time.
//
// # Unknown is never green
//
// Each of these was somebody's wrong green once:
//
//   - A 200 with HTML. Many hosts answer any path with their page for people.
//   - A body that is cut off, empty, or of another shape. A JSON object decodes
//     into a list of nothing, and nothing looks healthy; so the shape is asked
//     for, and an archive that is empty is no archive.
//   - A token that is new. Only tokens that are known to mean well do.
//   - A feed that lists trouble only. That it is empty may mean that all is well
//     or that its server is cut off from those who write it. That is [Quiet]:
//     nothing is posted. It is said so, and never drawn green.
//   - A redirect to a server near the reader, which is down with its region and
//     has nothing to say. Hosts are pinned ([Feed.Hosts]).
//   - A page that is well as a whole while the question is about a part that it
//     does not speak of ([Feed.Covers]): Microsoft's public pages are about the
//     admin centre, and only a tenant's account is told of Exchange.
//   - The last good reading, while the feed cannot be read any more. One reading
//     that fails is enough, and a reading older than five minutes is none.
//
// # When they admitted it
//
// [Answer.Posted] is when the provider published its first word on this trouble:
// the date on which an incident was created, not the one on which it is said to
// have begun, which is filled in afterwards. Where a feed has no such date, our
// first reading counts. A notice is about this trouble if it names the service
// and the region (match.go), overlaps the incident's time, and was not posted
// more than six hours before it: an older one admits something else. The later
// admission (two hours) still counts. Names of services differ between us and
// them; [Feed.Names] maps those of the catalogue, and where a name is not known
// while something is open in the region, the answer is unknown.
//
// # How it asks
//
// One request per feed every 60 to 120 seconds, for providers that are watched
// and no other; conditional where the server offers it; 15 s and 8 MiB at most;
// a User-Agent of its own, because some hosts refuse a library's. A host that
// fails is asked less often, every 10 to 20 minutes at last. What leaves the collector is the
// request: its address, and that a Picket watches that provider. No name of a
// client, site or target does. `official: false` in the configuration asks none.
//
// # What is recorded
//
// The collector saves [Record] and [Reading] whenever they change ([Book.Unsaved]):
// each notice with when it was posted and when it was first seen, and of each feed
// when its state, or the components that are not well, changed, and when it could
// not be read. The book itself remembers five weeks.
package official
