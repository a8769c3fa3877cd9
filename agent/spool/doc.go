// Package spool keeps an agent's results on disk until the collector has them.
//
// # What it promises
//
// A result that [Spool.Next] has handed out survives kill -9 and, as far as
// the disk tells the truth about fsync, a power cut. Its identity (run, seq),
// its time, config and network never change. Results of a run come strictly in
// order and runs oldest first. Whatever had a seq and is gone without being
// acknowledged is counted under a reason, and the count survives restarts.
//
// # Runs and seqs
//
// Opening a spool draws a random run, and seq counts its records from 1. A
// record gets its seq when it is written, not when it is appended, so that no
// seq ever stands for something that is only in memory: what a crash takes
// from the buffer (at most 200 ms of results) never was anything, and leaves
// no hole that the collector would have to wonder about. A number drawn anew,
// instead of a counter that goes on, needs nothing to be remembered correctly:
// a spool that was restored from an old backup, or wiped, cannot claim the
// same identity for two results.
//
// # Times
//
// A point in InfluxDB is named by its tags and its time, so two results of a
// check must never have the same: each check's times ascend strictly, across
// restarts and changes of config, by a millisecond where the clock does not
// provide more. The price: after the clock was set back by an hour, times
// creep by milliseconds until it has caught up.
//
// # Why plain files
//
// One writer appends, one reader follows, everything is deleted from the old
// end: segment files need one fsync a flush, no compaction, and give space
// back by deletion. They hold batches exactly as they go on the wire
// ([uplink.EncodeBatch]) with a checksum each (segment.go has the format). A
// segment is deleted when all of it is acknowledged, or when the bounds of
// bytes or age ask for it; never the newest one, whose times the next run must
// stay behind. Nothing per record, and nothing per frame, is held in memory.
//
// # Damage
//
// The torn end that a crash leaves was never durable: it is cut off, and is
// no loss. Any other unreadable frame is skipped; the seqs behind it tell how
// many records it had, and they are counted as corrupt, once. A segment from
// which nothing can be read is deleted. A segment of a newer format is left
// alone, for the version that comes back after a rollback.
//
// # A disk that refuses
//
// Results then wait in memory, up to 10,000, and every flush tries again.
// [Spool.Append] and [Stats] say so.
package spool
