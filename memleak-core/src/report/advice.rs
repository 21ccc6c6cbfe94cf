//! What to do about a leak, in one line.

use super::Look;
use super::holder::of_thread;
use crate::heap::advice::Advice;

pub(super) fn text(advice: &Advice, look: &Look) -> String {
    match advice {
        Advice::Remove { from, task: None } => format!("{from} still has it: take it out when it is done with"),
        Advice::Remove { from, task: Some(task) } => {
            format!("`{from}` of the task {} still has it: take it out when it is done with", look.future(task))
        }
        Advice::Clear { from } => format!("{from} still leads to it: clear it when it is done with"),
        Advice::DropWeak { from } => {
            format!("its value was dropped, and a `Weak` in {from} keeps the memory: drop that as well")
        }
        Advice::EndTask { future, waits_for: None } => {
            format!("the task {} has not ended: let it end, or abort it", look.future(future))
        }
        Advice::EndTask { future, waits_for: Some(other) } => {
            let (task, other) = (look.future(future), look.future(other));
            format!("the task {task} has not ended: it waits for {other}; let that happen, or abort the task")
        }
        Advice::PollTask { future } => {
            format!("the task {} was never polled: let it run, or abort it", look.future(future))
        }
        Advice::TakeResult { future } => {
            format!("the task {} has ended: await its handle, or drop the handle", look.future(future))
        }
        Advice::Receive => "nobody has received this message: receive it, or drop the receiver".to_owned(),
        Advice::EndThread { thread } => format!("{} has not ended: let it end", of_thread(thread)),
        Advice::Weaken { field } => format!("make {field} a `Weak`"),
        Advice::WeakenSeveral => "no single field frees this cycle: more than one has to become a `Weak`".to_owned(),
        Advice::Forgotten { .. } => {
            "it was forgotten: look for `mem::forget`, `ManuallyDrop`, `leak`, or an `into_raw` without its `from_raw`"
                .to_owned()
        }
        Advice::DropRaw { field, .. } => {
            format!(
                "an owner may have become the raw pointer {field}: drop it as an owner, as `from_raw` makes one of it"
            )
        }
    }
}
