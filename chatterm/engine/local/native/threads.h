/* Threads that do one piece of work together, each its share, and wait for each other between its steps. */
#ifndef CHATTERM_THREADS_H
#define CHATTERM_THREADS_H

#include <stdint.h>

typedef struct Pool Pool;
typedef void (*Work)(Pool *pool, int thread, int num_threads, void *of);

Pool *pool_open(int num_threads); /* NULL where threads cannot be had */
void pool_close(Pool *pool);

/* Run `work` on `num_threads` of the pool's threads, the caller being thread 0; returns when all are done. */
void pool_run(Pool *pool, int num_threads, Work work, void *of);

/* In `work`: go on when every thread of this run is here. */
void pool_wait(Pool *pool);

/* This thread's share first .. last - 1 of `count` pieces. */
void share(int64_t count, int thread, int num_threads, int64_t *first, int64_t *last);

#endif
