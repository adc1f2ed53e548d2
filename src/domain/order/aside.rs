//! What an order's mail can't carry yet, since nobody has configured it: it gets a mail of its own later, so that it
//! keeps nobody waiting for the rest.

use super::{MailReason, MailState, Order};
use crate::domain::settings::ProductId;
use crate::domain::time::Timestamp;

impl Order {
    /// These products can't be mailed yet: the pending mail goes without them, or waits if they are all it has.
    pub(super) fn set_aside(&mut self, products: Vec<ProductId>, now: Timestamp) {
        let left = self.mail.as_mut();
        if left.is_some_and(|mail| mail.leave_out(&products, now)) {
            let known = std::mem::take(&mut self.aside);
            let new = products.into_iter().filter(|it| !known.contains(it));
            self.aside = known.iter().cloned().chain(new).collect();
        }
    }

    /// Whether a mail is to be asked for.
    pub(super) fn owes_a_mail(&self) -> bool {
        !self.aside.is_empty() && !self.mail.as_ref().is_some_and(MailState::is_pending)
    }

    /// Asks for it.
    pub(super) fn ask_for_what_was_set_aside(&mut self, now: Timestamp) {
        if self.owes_a_mail() {
            let products = std::mem::take(&mut self.aside);
            self.ask_for_mail(MailReason::Purchase, products, now);
        }
    }

    /// The pending mail has a text: what is in it is not owed any more.
    pub(super) fn drop_what_is_mailed(&mut self) {
        let Some(mail) = &self.mail else {
            return;
        };
        self.aside.retain(|product| !mail.carries(product));
    }
}
