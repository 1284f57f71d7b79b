#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A wait within a run lasts microseconds unless another program holds a processor; between two tokens some
 * hundred microseconds go by. Beyond these a thread gives its processor away, or sleeps. */
enum { SPINS_IN_RUN = 500, SPINS_BETWEEN = 20000, MOST_THREADS = 256 };

typedef struct {
    Pool *pool;
    int number;
    pthread_t thread;
} Worker;

struct Pool {
    atomic_uint run; /* 256 times the count of runs, plus the number of threads of this one */
    atomic_int arrived;
    atomic_uint wave; /* counts completed waits */
    atomic_int is_closing, num_asleep;
    int num_threads, num_workers;
    Work work;
    void *of;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    Worker *workers;
};

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void await_change(atomic_uint *number, unsigned seen) {
    for (int spins = 0; atomic_load_explicit(number, memory_order_acquire) == seen; spins++) {
        if (spins < SPINS_IN_RUN) relax();
        else sched_yield();
    }
}

void pool_wait(Pool *pool) {
    if (pool->num_threads == 1) return;
    unsigned wave = atomic_load_explicit(&pool->wave, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 == pool->num_threads) {
        atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&pool->wave, wave + 1, memory_order_release);
    } else await_change(&pool->wave, wave);
}

static unsigned await_run(Pool *pool, unsigned seen) {
    for (int spins = 0; spins < SPINS_BETWEEN; spins++) {
        unsigned run = atomic_load_explicit(&pool->run, memory_order_acquire);
        if (run != seen || atomic_load(&pool->is_closing)) return run;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->num_asleep, 1);
    while (atomic_load(&pool->run) == seen && !atomic_load(&pool->is_closing))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->num_asleep, 1);
    pthread_mutex_unlock(&pool->lock);
    return atomic_load(&pool->run);
}

static void wake_all(Pool *pool) {
    if (!atomic_load(&pool->num_asleep)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

static void *live(void *worker) {
    Worker *self = worker;
    Pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        seen = await_run(pool, seen);
        if (atomic_load(&pool->is_closing)) return 0;
        int num_threads = (int)(seen % MOST_THREADS);
        if (self->number < num_threads) {
            pool->work(pool, self->number, num_threads, pool->of);
            pool_wait(pool);
        }
    }
}

void pool_run(Pool *pool, int num_threads, Work work, void *of) {
    int most = pool->num_workers + 1;
    pool->num_threads = num_threads < 1 ? 1 : num_threads > most ? most : num_threads;
    pool->work = work;
    pool->of = of;
    if (pool->num_threads > 1) {
        unsigned count = atomic_load(&pool->run) / MOST_THREADS + 1;
        atomic_store(&pool->run, count * MOST_THREADS + (unsigned)pool->num_threads);
        wake_all(pool);
    }
    work(pool, 0, pool->num_threads, of);
    pool_wait(pool);
}

void pool_close(Pool *pool) {
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->is_closing, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->num_workers; i++) pthread_join(pool->workers[i].thread, 0);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    free(pool->workers);
    free(pool);
}

Pool *pool_open(int num_threads) {
    Pool *pool = calloc(1, sizeof *pool);
    if (!pool) return 0;
    pool->workers = calloc(num_threads, sizeof *pool->workers);
    pthread_mutex_init(&pool->lock, 0);
    pthread_cond_init(&pool->wake, 0);
    for (int i = 0; pool->workers && i < num_threads - 1 && i < MOST_THREADS - 2; i++) {
        Worker *worker = &pool->workers[i];
        worker->pool = pool;
        worker->number = i + 1;
        if (pthread_create(&worker->thread, 0, live, worker)) break;
        pool->num_workers++;
    }
    return pool;
}

void share(int64_t count, int thread, int num_threads, int64_t *first, int64_t *last) {
    *first = count * thread / num_threads;
    *last = count * (thread + 1) / num_threads;
}
