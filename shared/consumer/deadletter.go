package consumer

import "time"

// DeadLetter is a message that was given up, in its queue's dead letters until somebody sends it back or discards it.
type DeadLetter struct {
	// Message is the id that the message had in its queue, and in the log. There may be two letters of one message, which
	// was delivered twice.
	Message string
	// Reason is why its consumer gave it up. Empty: no consumer did.
	Reason string
	// Moved: the queue itself moved the message, because its attempts were used up and no consumer said why. Reason may
	// then be from an earlier time.
	Moved bool
	// Receives is how often it was delivered before; 0: nobody knows.
	Receives int
	// At is when it was sent to the dead letters. When the queue moved it, which records no time, it is when the message
	// was first sent.
	At    time.Time
	Group string // of a FIFO queue; empty in others
	Trace string // the sender's X-Ray trace header; may be empty
	// Feedback: its queue gets reports about mail that bounced or that its reader complained about, so Body has addresses
	// in it.
	Feedback bool
	Body     []byte
}

// Depth is the number of messages in a queue. The numbers are approximate: the queue counts in many places, and they
// may be a minute behind (SQS API reference, GetQueueAttributes).
type Depth struct {
	Queue    string // its name in the manifest
	Waiting  int    // to be delivered
	Delayed  int    // sent, and not to be delivered yet
	InFlight int    // delivered, and neither deleted nor visible again
	Dead     int    // dead letters, including those that somebody is looking at
}
