package consumer

import "time"

// DeadLetter is a message that was given up, as it lies among its queue's dead letters until somebody sends it back or
// discards it.
type DeadLetter struct {
	// Message is the id that the message had in its queue, under which the log has it too. Two letters may be of one
	// message, which was delivered twice.
	Message string
	// Reason is why its consumer gave it up. Empty: no consumer did.
	Reason string
	// Moved tells that the queue itself gave the message up, because its attempts were used up and no consumer said why.
	// Reason may then be that of an earlier death.
	Moved bool
	// Receives is how often it was delivered before; 0: nobody knows.
	Receives int
	// At is when it was sent to the dead letters; when the queue moved it, which keeps that to itself, when it was first
	// sent.
	At    time.Time
	Group string // of a FIFO queue; empty in others
	Trace string // the sender's X-Ray trace header; may be empty
	// Feedback: its queue is told of mail that bounced, or that its reader complained of, so that Body has addresses in
	// it.
	Feedback bool
	Body     []byte
}

// Depth is how many messages lie in a queue. The numbers are approximate: the queue counts in many places, and they may
// be a minute behind (SQS API reference, GetQueueAttributes).
type Depth struct {
	Queue    string // its name in the manifest
	Waiting  int    // to be delivered
	Delayed  int    // sent, and not to be delivered yet
	InFlight int    // delivered, and neither done nor back yet
	Dead     int    // among the dead letters, those that somebody looks at included
}
