import { PageTitle } from '../../components/page-title.js';
import { useAppStore } from '../../stores/app-store.js';
import { InspectionView } from './inspection-view.js';
import styles from './model-page.module.css';
import { ModelPicker } from './model-picker.js';
import { OwnedModels } from './owned-models.js';
import { SignIn } from './sign-in.js';
import { useOwner } from './use-owner.js';

/** For who owns a model: look at it, share it, serve it. */
export default function ModelPage() {
  const owner = useOwner();
  const { inspection, owned } = useAppStore();
  return (
    <>
      <PageTitle title="Your model, in three shares" documentTitle="Model">
        The weights are read and split in this browser. Each worker is sent one share of them, which by itself
        is noise; nobody holds the model but you.
      </PageTitle>
      <div className={styles.page}>
        <ModelPicker owner={owner} />
        {inspection !== null && <InspectionView inspection={inspection} />}
        <SignIn owner={owner} />
        {owned !== null && <OwnedModels owner={owner} owned={owned} />}
      </div>
    </>
  );
}
