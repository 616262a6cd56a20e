import { Component, type ReactNode } from 'react';
import { Notice } from '../components/notice.js';
import { PageTitle } from '../components/page-title.js';

interface Props {
  readonly children: ReactNode;
}

/** A page that fails to load or to show leaves the others alone, and says what to do. */
export class PageBoundary extends Component<Props, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <>
        <PageTitle title="This page could not be shown" documentTitle="Not shown" />
        <Notice
          tone="alarm"
          title="Part of it did not load, or something in it went wrong"
          action={{ label: 'Reload', onClick: () => location.reload() }}
        >
          If this device is offline, go online first. The other pages are as they were.
        </Notice>
      </>
    );
  }
}
