//! What many ask for at the same time, done for all of them at once.
//!
//! Whatever has to wait for the database costs the same for one as for a hundred: a thread to be woken, a lock to be
//! taken, a disk to be synchronised. What is asked for while that goes on waits, and is done together with the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::error::Error;

/// Those who wait for an answer `A` to what they ask for, `Q`.
pub(crate) struct Together<Q, A>(Arc<Shared<Q, A>>);

struct Shared<Q, A> {
    waiting: Mutex<Vec<(Q, oneshot::Sender<A>)>>,
    /// Held by whoever answers.
    turn: tokio::sync::Mutex<()>,
}

impl<Q: Send + 'static, A: Send + 'static> Together<Q, A> {
    /// Waits for the answer. `answer_all` may be called, with what others ask for too, and gives an answer to each, in the
    /// same order. A caller that gives up does not stop it.
    ///
    /// # Errors
    /// [`Error::Interrupted`]: it was not answered.
    pub(crate) async fn ask<F>(
        &self,
        question: Q,
        answer_all: impl FnOnce(Vec<Q>) -> F + Send + 'static,
    ) -> Result<A, Error>
    where
        F: Future<Output = Vec<A>> + Send,
    {
        let (answer, answered) = oneshot::channel();
        self.waiting().push((question, answer));
        let own = self.clone();
        // Whoever gets here first answers everybody who waits by then; the others find nothing left to do.
        tokio::spawn(async move {
            let _turn = own.0.turn.lock().await;
            let waiting = std::mem::take(&mut *own.waiting());
            if waiting.is_empty() {
                return;
            }
            let (questions, askers): (Vec<Q>, Vec<oneshot::Sender<A>>) = waiting.into_iter().unzip();
            for (asker, answer) in askers.into_iter().zip(answer_all(questions).await) {
                // Who does not wait any longer needs no answer.
                let _ = asker.send(answer);
            }
        });
        answered.await.map_err(|_| Error::Interrupted)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Q, oneshot::Sender<A>)>> {
        // Nothing between lock and unlock can leave the list half-changed.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answers to so many: to each its own, or to all of them the failure that stopped them.
pub(crate) fn answers<A>(number: usize, answered: Result<Vec<A>, Error>) -> Vec<Result<A, Error>> {
    match answered {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(failure) => (0..number).map(|_| Err(failure.of_batch())).collect(),
    }
}

impl<Q, A> Clone for Together<Q, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q, A> Default for Together<Q, A> {
    fn default() -> Self {
        Self(Arc::new(Shared { waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_asked_for_meanwhile_is_answered_together() {
        let together = Together::<u32, (u32, usize)>::default();
        let (begun, begin) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let slow = |questions: Vec<u32>| async move {
            begun.send(()).unwrap();
            may_go_on.await.unwrap();
            let number = questions.len();
            questions.into_iter().map(|question| (question, number)).collect()
        };
        let own = together.clone();
        let first = tokio::spawn(async move { own.ask(0, slow).await.unwrap() });
        begin.await.unwrap();
        let others: Vec<_> = (1..=9)
            .map(|question| {
                let own = together.clone();
                tokio::spawn(async move {
                    let all = |questions: Vec<u32>| async move {
                        let number = questions.len();
                        questions.into_iter().map(|question| (question, number)).collect()
                    };
                    own.ask(question, all).await.unwrap()
                })
            })
            .collect();
        while together.waiting().len() < 9 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        go_on.send(()).unwrap();
        assert_eq!(first.await.unwrap(), (0, 1));
        for (question, other) in (1..).zip(others) {
            assert_eq!(other.await.unwrap(), (question, 9));
        }
    }

    #[tokio::test]
    async fn whoever_is_not_answered_is_told() {
        let together = Together::<u32, u32>::default();
        let none = |_| async { Vec::new() };
        assert!(matches!(together.ask(1, none).await, Err(Error::Interrupted)));
        // The next ones are.
        assert_eq!(together.ask(2, |questions| async { questions }).await.unwrap(), 2);
    }
}
