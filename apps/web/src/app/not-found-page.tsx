import { Link } from 'wouter';
import { PageTitle } from '../components/page-title.js';

export function NotFoundPage() {
  return (
    <PageTitle title="There is no such page" documentTitle="No such page">
      The address may be misspelt. <Link href="/">Go and draw a digit</Link>, or choose a page above.
    </PageTitle>
  );
}
